"""The sales HTTP API."""

from datetime import datetime, time
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request

from chassis import clock
from chassis.data.database import Reading, Transaction
from chassis.data.writing import reader_of
from chassis.http.auth import Caller, require_role
from chassis.http.idempotency import Once
from chassis.http.routing import Routes
from chassis.http.session_check import require_session
from contracts.identity.roles import STAFF, Role
from contracts.paging import CURSOR_LENGTH, PAGE, PAGE_MOST
from contracts.sales import api
from sales import clients, operations, queries
from sales.models import Sale

router = Routes("sales")

Staff = Annotated[Caller, Depends(require_role(*STAFF))]
VerifiedStaff = Annotated[Caller, Depends(require_session(*STAFF))]
Customer = Annotated[Caller, Depends(require_role(Role.CUSTOMER))]
Anyone = Annotated[Caller, Depends(require_role(Role.CUSTOMER, *STAFF))]
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST)]
After = Annotated[
    str | None, Query(max_length=CURSOR_LENGTH, description="`next` of the page before.")
]
DraftKey = Annotated[api.Key | None, Query(description="Only the draft of the sale with this key.")]
CustomerIds = Annotated[list[UUID], Query(min_length=1, max_length=PAGE_MOST)]


async def shop_time(request: Request) -> datetime:
    """Now, in the shop's zone."""
    return clock.now().astimezone(request.app.state.settings.zone)


Now = Annotated[datetime, Depends(shop_time)]


@router.post("", status_code=201)
async def record_sale(
    *,
    request: Request,
    new: api.NewSale,
    seller: Staff,
    now: Now,
    session: Transaction,
    once: Once,
) -> api.Sale:
    """Record what a customer just bought."""
    await learn_missing(request, seller, new)

    async def make(parties: operations.Parties) -> Sale:
        sale = await operations.record_sale(session, seller, parties, new, at=now)
        if once.key:
            operations.forget_draft(session, seller, once.key)
        return sale

    async def read(sale_id: UUID) -> api.Sale:
        return await queries.sale(await reader_of(session), seller, sale_id)

    return await once.create(
        new, make, read, show=api.Sale.model_validate, ahead=[operations.parties(new)]
    )


async def learn_missing(request: Request, caller: Caller, new: api.NewSale) -> None:
    """Ask for what may be a moment old; holds no database connection meanwhile."""
    database, http = request.app.state.database, request.app.state.http
    async with database.reading() as reader:
        customer_known, product_known = await queries.are_known(
            reader, customer_id=new.customer_id, product_id=new.product_id
        )
    if not customer_known and (customer := await clients.customer(http, caller, new.customer_id)):
        async with database.transaction() as session:
            await operations.remember_customer(
                session,
                customer_id=customer.id,
                version=customer.version,
                enabled=customer.enabled,
                first_name=customer.first_name,
                last_name=customer.last_name,
                email=customer.email,
            )
    if not product_known and (product := await clients.product(http, caller, new.product_id)):
        async with database.transaction() as session:
            await operations.remember_products(session, [product])


@router.get("")
async def list_sales(
    *,
    seller: VerifiedStaff,
    now: Now,
    reader: Reading,
    customer_id: UUID | None = None,
    mine_today: bool = False,
    limit: Limit = PAGE,
    after: After = None,
) -> api.Sales:
    """Sales, newest first: all, those of one customer, or those that I recorded today."""
    midnight = datetime.combine(now, time.min, now.tzinfo)
    return await queries.sales(
        reader,
        customer_id=customer_id,
        seller_id=seller.id if mine_today else None,
        since=midnight if mine_today else None,
        limit=limit,
        after=after,
    )


@router.get("/mine")
async def list_my_purchases(
    customer: Customer, reader: Reading, limit: Limit = PAGE, after: After = None
) -> api.Sales:
    """The caller's purchases, newest first, without cancelled ones."""
    return await queries.purchases_of(reader, customer, limit=limit, after=after)


@router.get("/purchase-counts")
async def count_purchases(
    _: VerifiedStaff, reader: Reading, customer_id: CustomerIds
) -> api.PurchaseCounts:
    """How much each of these customers bought, at most 50 at a time."""
    return api.PurchaseCounts(counts=await queries.purchase_counts(reader, customer_id))


@router.post("/search")
async def search_sales(search: api.SaleSearch, _: VerifiedStaff, reader: Reading) -> api.Sales:
    """Sales by any of their words and by day, newest first. POST: names stay out of addresses."""
    return await queries.search_sales(reader, search)


@router.post("/serial-checks")
async def check_serial_number(
    check: api.SerialNumberCheck, _: Staff, reader: Reading
) -> api.SerialNumberChecked:
    """Whether this unit was sold before, and other sales with this number or one that reads alike.

    For staff only: it shows other customers' purchases.
    """
    return await queries.serial_number_checked(reader, check)


@router.get("/draft")
async def draft(seller: Staff, now: Now, reader: Reading) -> api.Draft:
    """The sale that you have begun, on whatever device; empty if there is none."""
    return await queries.draft(reader, seller, at=now)


@router.put("/draft", status_code=204)
async def keep_draft(draft: api.DraftToKeep, seller: Staff, now: Now, session: Transaction) -> None:
    """Store it for some days; recording the sale deletes it."""
    await operations.keep_draft(session, seller, draft, at=now)


@router.delete("/draft", status_code=204)
async def forget_draft(seller: Staff, session: Transaction, key: DraftKey = None) -> None:
    """Delete it. Idempotent."""
    operations.forget_draft(session, seller, key)


@router.get("/{sale_id}")
async def read_sale(sale_id: UUID, caller: Anyone, reader: Reading) -> api.Sale:
    """One sale: any for staff, for a customer their own unless it was cancelled."""
    return await queries.sale(reader, caller, sale_id)


@router.post("/{sale_id}/cancellation")
async def cancel_sale(
    sale_id: UUID, cancellation: api.Cancellation, staff: Staff, now: Now, session: Transaction
) -> api.Sale:
    """Cancel a sale recorded by mistake. Idempotent."""
    cancelled = await operations.cancel_sale(session, staff, sale_id, cancellation.reason, at=now)
    return api.Sale.model_validate(cancelled)
