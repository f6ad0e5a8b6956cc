"""The one search box."""

from chassis.database import Transaction
from contracts.tickets import api
from tickets.queries import search as queries
from tickets.routes.parameters import Anyone, tickets_router

router = tickets_router()


@router.post("/search")
async def search(
    asked: api.Search, caller: Anyone, session: Transaction
) -> api.StaffSearchResults | api.SearchResults:
    """Requests by number, serial number or words. Customers find their own, and no note."""
    return await queries.search(session, caller, asked)
