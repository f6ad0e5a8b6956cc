"""Routes for customers: open a request, list one's own requests."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from chassis.data.database import Reading, Transaction
from chassis.data.writing import ending
from chassis.http.bodies import LONG_BODY
from chassis.http.idempotency import Once
from chassis.http.routing import Routes
from contracts.paging import PAGE_MOST
from contracts.text import SearchText
from contracts.tickets import api
from tickets.models import Ticket
from tickets.operations import tickets as operations
from tickets.operations.bounds import within
from tickets.operations.drafts import forget_draft
from tickets.operations.files import attach
from tickets.queries import lists
from tickets.queries import owned_products as products
from tickets.queries import tickets as queries
from tickets.routes.parameters import (
    PAGE,
    After,
    Customer,
    Limit,
    MostFiles,
    TheBounds,
    WithCounts,
)
from tickets.routes.snapshots import TheSnapshots

router = Routes("tickets")


@router.post("", status_code=201, max_body_size=LONG_BODY)
async def open_ticket(
    *,
    new: api.NewTicket,
    customer: Customer,
    session: Transaction,
    once: Once,
    bounds: TheBounds,
    most_files: MostFiles,
) -> api.Ticket:
    """Open a request about something you bought, or one that follows a resolved request.

    429 `too_many_tickets` or `too_many_messages` beyond the limits of an hour.
    """

    async def make(_: None, opening: operations.Opening) -> Ticket:
        ticket, message = await operations.open_ticket(session, customer, opening, new)
        await attach(session, customer, None, message.id, file_ids=new.files, most=most_files)
        forget_draft(session, customer, None, key=once.key)
        return ticket

    async def read(ticket_id: UUID) -> api.Ticket:
        return await queries.created_ticket(await ending(session), customer, ticket_id)

    ahead = [within(customer, bounds, opens=True), operations.opening(customer, new)]
    return await once.create(new, make, read, ahead=ahead)


@router.get("/home")
async def home(
    *,
    customer: Customer,
    snapshots: TheSnapshots,
    reader: Reading,
    status: api.Status | None = None,
    sale_id: UUID | None = None,
    q: Annotated[SearchText, Query(description="A number, a serial number, or words.")] = "",
    after: Annotated[
        str | None,
        Query(description="Continue the list « others »: the `next` of the page before."),
    ] = None,
) -> api.Home:
    """Your requests (those that wait for your answer apart), the counts, and your products."""
    filters = lists.CustomerFilters(customer_id=customer.id, status=status, sale_id=sale_id, text=q)
    awaiting, others = api.CustomerView.AWAITING_ME, api.CustomerView.OTHERS
    counts, owned, rest, *first = await reader.ask_all(
        lists.my_counts(customer.id),
        products.owned_products(customer.id, limit=PAGE_MOST, after=None),
        lists.mine(others, filters, limit=PAGE, after=after),
        *([lists.mine(awaiting, filters, limit=PAGE_MOST, after=None)] if after is None else []),
    )
    return api.Home(
        awaiting=first[0] if first else api.Tickets(tickets=[]),
        others=rest.model_copy(update=dict(snapshots.of(counts))),
        owned=owned,
    )


@router.get("/mine")
async def my_tickets(
    *,
    customer: Customer,
    snapshots: TheSnapshots,
    reader: Reading,
    view: api.CustomerView = api.CustomerView.ALL,
    status: api.Status | None = None,
    sale_id: UUID | None = None,
    product_id: UUID | None = None,
    q: Annotated[SearchText, Query(description="A number, a serial number, or words.")] = "",
    with_counts: WithCounts = False,
    limit: Limit = PAGE,
    after: After = None,
) -> api.Tickets:
    """Your requests, newest activity first; unresolved ones come first.

    Counts are of whole views, not filtered.
    """
    filters = lists.CustomerFilters(
        customer_id=customer.id, status=status, sale_id=sale_id, product_id=product_id, text=q
    )
    page = lists.mine(view, filters, limit=limit, after=after)
    if not with_counts:
        return await reader.ask(page)
    # The list is read after the counts: it shows every change that their `as_of` covers.
    counts, tickets = await reader.ask_all(lists.my_counts(customer.id), page)
    return tickets.model_copy(update=dict(snapshots.of(counts)))


@router.get("/mine/counts")
async def my_counts(customer: Customer, snapshots: TheSnapshots, reader: Reading) -> api.Counts:
    """How many of your requests each view holds; `awaiting_me` waits for your answer."""
    return snapshots.of(await reader.ask(lists.my_counts(customer.id)))


@router.get("/owned-products")
async def owned_products(
    customer: Customer, reader: Reading, limit: Limit = PAGE, after: After = None
) -> api.OwnedProducts:
    """What you bought, the newest purchase first; cancelled sales are left out."""
    return await reader.ask(products.owned_products(customer.id, limit=limit, after=after))
