"""The one search box."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request

from chassis.data.database import Reading
from chassis.http.auth import Caller
from chassis.http.routing import Routes
from contracts.paging import PAGE_MOST
from contracts.tickets import api
from tickets.models import is_staff
from tickets.queries import unresolved
from tickets.queries.searching import search as queries
from tickets.routes.parameters import Anyone, VerifiedStaff

router = Routes("tickets")


async def searcher(request: Request, caller: Anyone) -> Caller:
    """Staff can find everybody's requests, so their session is checked with identity."""
    if is_staff(caller):
        await request.app.state.session_check.require(caller)
    return caller


Searcher = Annotated[Caller, Depends(searcher)]


@router.post("/search")
async def search(
    wanted: api.Search, caller: Searcher, reader: Reading
) -> api.StaffSearchResults | api.SearchResults:
    """Requests by number, serial number or words. Customers find their own, and no note."""
    return await queries.search(reader, caller, wanted)


@router.get("/unresolved")
async def unresolved_of_customers(
    customer_id: Annotated[list[UUID], Query(min_length=1, max_length=PAGE_MOST)],
    _: VerifiedStaff,
    reader: Reading,
) -> api.UnresolvedOfCustomers:
    """What each of these customers has open or in progress, at most 50 customers at a time."""
    return await unresolved.of_customers(reader, customer_id)
