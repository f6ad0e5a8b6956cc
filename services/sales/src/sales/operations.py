"""Operations at the counter, and local copies of customers and products."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.reading import Part, Question, Rows
from chassis.data.writing import reader_of, run_later
from chassis.errors import Busy, Malformed, Refusal
from chassis.http.auth import Caller
from chassis.http.idempotency import made_under
from chassis.messaging.outbox import Again, is_gone, publish
from chassis.pruning import Prunable
from contracts.catalog.api import Product
from contracts.catalog.events import ProductState
from contracts.sales import api
from contracts.sales.api import DraftToKeep, NewSale
from contracts.sales.events import SaleCancelled, SaleRecorded
from sales import queries
from sales.models import (
    DRAFTS_LAST,
    SALE_NUMBERS,
    Draft,
    KnownCustomer,
    Sale,
    SellableProduct,
)
from sales.queries import NOT_CANCELLED


class CustomerUnknown(Malformed):
    code = "customer_unknown"


class ProductUnknown(Malformed):
    code = "product_unknown"


class SerialNumberAlreadySold(Refusal):
    code = "serial_number_already_sold"


class DraftOfAnotherSale(Refusal):
    code = "draft_of_another_sale"


class SaleAlreadyRecorded(Refusal):
    code = "sale_already_recorded"


# --- Sales ------------------------------------------------------------------------------------


# With the number that the sale will have.
OF_CUSTOMER = [column.name for column in KnownCustomer.__table__.c]
OF_PRODUCT = [column.name for column in SellableProduct.__table__.c]
PARTIES = (
    select(*KnownCustomer.__table__.c, *SellableProduct.__table__.c, SALE_NUMBERS.next_value())
    .outerjoin(SellableProduct, SellableProduct.id == bindparam("product_id", type_=Uuid))
    .where(KnownCustomer.id == bindparam("customer_id", type_=Uuid))
    .with_for_update(read=True, of=KnownCustomer)
)


class Parties(NamedTuple):
    """Who buys what, and the ordinal of its sale."""

    customer: KnownCustomer
    product: SellableProduct
    ordinal: int


def parties(new: NewSale) -> Question[Parties]:
    """A shared lock: an event about this customer waits meanwhile, and then finds the sale."""

    def answer(rows: Rows) -> Parties:
        row = rows.one_or_none()
        if row is None:
            raise CustomerUnknown("no such customer", field="customer_id")
        values = iter(row)
        customer = {name: next(values) for name in OF_CUSTOMER}
        product = {name: next(values) for name in OF_PRODUCT}
        if product["id"] is None:
            raise ProductUnknown("no such product", field="product_id")
        return Parties(KnownCustomer(**customer), SellableProduct(**product), next(values))

    values = {"customer_id": new.customer_id, "product_id": new.product_id}
    return Question([Part(PARTIES, values)], answer)


async def record_sale(
    session: AsyncSession, seller: Caller, parties: Parties, new: NewSale, *, at: datetime
) -> Sale:
    """Record the sale and publish it; `at` is the current time in the shop's zone."""
    sale = Sale.recorded(
        new,
        customer=parties.customer,
        product=parties.product,
        seller=seller,
        ordinal=parties.ordinal,
        at=at,
    )
    await add_if_free(session, sale)
    publish(session, SaleRecorded.model_validate(sale, from_attributes=True))
    return sale


OF_SALE = [
    column.name for column in Sale.__table__.c if column.computed is None
]  # the words by which it is found are the database's
SOLD_ONCE = (
    postgresql.insert(Sale.__table__)  # ty: ignore[invalid-argument-type]
    .values({name: bindparam(name) for name in OF_SALE})
    .on_conflict_do_nothing(
        index_elements=["product_id", "serial_number"], index_where=NOT_CANCELLED
    )
    .returning(Sale.__table__.c.id)
)


async def add_if_free(session: AsyncSession, sale: Sale) -> None:
    """PostgreSQL decides between two sellers of one unit; the second gets the first one's sale."""
    row = {name: getattr(sale, name) for name in OF_SALE}
    if not await (await reader_of(session)).execute(SOLD_ONCE, row):
        reader = await reader_of(session)
        existing = await queries.sale_of_unit(reader, sale.product_id, sale.serial_number)
        if existing is None:
            raise Busy("its sale was cancelled at this very moment: try again")
        raise already_sold(existing)


def already_sold(existing: api.Sale) -> SerialNumberAlreadySold:
    return SerialNumberAlreadySold(
        "this serial number of this product was sold before",
        field="serial_number",
        context={
            "sale_id": str(existing.id),
            "sold_on": existing.sold_on.isoformat(),
            "customer_id": str(existing.customer_id),
            "seller_name": existing.seller_name,
        },
    )


async def cancel_sale(
    session: AsyncSession, staff: Caller, sale_id: UUID, reason: str, *, at: datetime
) -> Sale:
    """Cancel a sale that was a mistake; its serial number is free again. Idempotent."""
    sale = await queries.sale_to_change(session, sale_id)
    if sale.cancel(by=staff, reason=reason, at=at):
        publish(session, SaleCancelled.model_validate(sale, from_attributes=True))
    return sale


async def from_tables(session: AsyncSession) -> AsyncGenerator[Again]:
    """Sales and cancellations whose events the outbox no longer holds."""
    recorded, cancelled = is_gone(SaleRecorded, Sale.id), is_gone(SaleCancelled, Sale.id)
    missing = recorded | (Sale.cancelled_at.is_not(None) & cancelled)
    found = await session.stream(
        select(Sale, recorded, cancelled).where(missing).order_by(Sale.recorded_at, Sale.id)
    )
    async for sale, without_recording, without_cancellation in found:
        if without_recording:
            event = SaleRecorded.model_validate(sale, from_attributes=True)
            yield Again(event.model_copy(update={"version": 1}), 1, sale.recorded_at)
        if sale.cancelled_at is not None and without_cancellation:
            cancellation = SaleCancelled.model_validate(sale, from_attributes=True)
            yield Again(cancellation, sale.version, sale.cancelled_at)
        session.expunge(sale)


# --- Drafts -----------------------------------------------------------------------------------

OLD_DRAFTS = Prunable("drafts", "saved_at < now() - :last", "saved_at", {"last": DRAFTS_LAST})


async def keep_draft(
    session: AsyncSession, seller: Caller, draft: DraftToKeep, *, at: datetime
) -> None:
    """The last version counts, from whatever device, as long as it is of the same sale."""
    if recorded := await made_under(session, seller, draft.key):
        raise SaleAlreadyRecorded("this sale is recorded", context={"sale_id": str(recorded)})
    values = {
        "seller_id": seller.id,
        "key": draft.key,
        "saved_at": at,
        "content": draft.content,
        "negligible": draft.negligible,
        "sale_id": None,
    }
    may_go = Draft.negligible | Draft.sale_id.is_not(None) | draft.replaces
    saved = await session.scalar(
        postgresql.insert(Draft)
        .values(values)
        .on_conflict_do_update(
            index_elements=[Draft.seller_id],
            set_=values,
            where=(Draft.key == draft.key) | may_go,
        )
        .returning(Draft.seller_id)
    )
    if saved is None:
        raise DraftOfAnotherSale("another draft has been started")


DRAFTS = Draft.__table__
MINE = delete(DRAFTS).where(DRAFTS.c.seller_id == bindparam("seller_id"))  # ty: ignore[invalid-argument-type]
OF_THIS_SALE = MINE.where(DRAFTS.c.key == bindparam("key"))


def forget_draft(session: AsyncSession, seller: Caller, key: str | None) -> None:
    """Delete it, or only if it is of the sale with this key. Idempotent."""
    if key:
        run_later(session, OF_THIS_SALE, {"seller_id": seller.id, "key": key})
    else:
        run_later(session, MINE, {"seller_id": seller.id})


# --- Copies of customers and products ---------------------------------------------------------


async def remember_customer(
    session: AsyncSession,
    *,
    customer_id: UUID,
    version: int,
    enabled: bool,
    first_name: str,
    last_name: str,
    email: str,
) -> None:
    """Store the newest state, and update the words by which the customer's sales are found."""
    state = {
        "id": customer_id,
        "version": version,
        "enabled": enabled,
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
    }
    await upsert_newest(session, KnownCustomer, [state])
    await session.execute(
        update(Sale)
        .where(
            Sale.customer_id == customer_id,
            KnownCustomer.id == customer_id,
            Sale.customer_words != KnownCustomer.words,
        )
        .values(customer_words=KnownCustomer.words)
        .execution_options(synchronize_session=False)
    )


async def remember_products(
    session: AsyncSession, products: Iterable[ProductState | Product]
) -> None:
    states = [product.model_dump() for product in products]
    await upsert_newest(session, SellableProduct, states)


async def upsert_newest(
    session: AsyncSession,
    kind: type[KnownCustomer | SellableProduct],
    states: Iterable[Mapping[str, Any]],
) -> None:
    """Store each state unless the stored version is as new: events arrive late and twice."""
    # In one order, so that two replicas never wait for each other.
    ordered = sorted(states, key=lambda state: state["id"])
    if not ordered:
        return
    upsert = postgresql.insert(kind)
    fields = {name: upsert.excluded[name] for name in ordered[0]}
    statement = upsert.on_conflict_do_update(
        index_elements=[kind.id], set_=fields, where=kind.version < upsert.excluded.version
    )
    await session.execute(statement, ordered)
