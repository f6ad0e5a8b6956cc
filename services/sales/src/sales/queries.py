"""What can be read: sales, each only by those who may see it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import folding, paging
from chassis.auth import Caller
from chassis.errors import Malformed, NotFound
from chassis.folding import fold, pattern_of
from contracts.identity.roles import STAFF
from contracts.numbers import sale_number_in, serial_numbers_in
from contracts.sales import api
from sales.models import DRAFTS_LAST, SQUEEZED, Draft, KnownCustomer, Sale, SellableProduct

COUNTED_MOST = 1_000

STANDING = Sale.cancelled_at.is_(None)


class SaleUnknown(NotFound):
    """Also said of a sale that exists and that one may not see."""

    code = "sale_unknown"


def visible_to(caller: Caller) -> ColumnElement[bool]:
    """Staff see every sale; customers see what they bought, while it stands."""
    if caller.role in STAFF:
        return Sale.id.is_not(None)
    return (Sale.customer_id == caller.id) & STANDING


async def sale(session: AsyncSession, caller: Caller, sale_id: UUID) -> Sale:
    return await one_sale(session, select(Sale).where(Sale.id == sale_id, visible_to(caller)))


async def sale_to_change(session: AsyncSession, sale_id: UUID) -> Sale:
    """The sale, locked until the transaction ends."""
    return await one_sale(session, select(Sale).where(Sale.id == sale_id).with_for_update())


async def one_sale(session: AsyncSession, statement: Select[Sale]) -> Sale:
    found = await session.scalar(statement)
    if found is None:
        raise SaleUnknown("no such sale")
    return found


async def sale_of_unit(session: AsyncSession, product_id: UUID, serial_number: str) -> Sale | None:
    """The sale that stands for this unit, if it was sold."""
    return await session.scalar(
        select(Sale).where(
            Sale.product_id == product_id, Sale.serial_number == serial_number, STANDING
        )
    )


async def serial_number_checked(
    session: AsyncSession, check: api.SerialNumberCheck
) -> api.SerialNumberChecked:
    """The sale of this very unit, and those that it may be mistaken for."""
    number = check.serial_number
    alike = (
        select(Sale)
        .where(Sale.reads_like(number), STANDING)
        .order_by(Sale.recorded_at.desc())
        .limit(1)
    )
    same = alike.where(Sale.serial_number == number, Sale.product_id != check.product_id)
    return api.SerialNumberChecked(
        serial_number=number,
        sale=answered(await sale_of_unit(session, check.product_id, number)),
        same_number=answered(await session.scalar(same)),
        look_alike=answered(await session.scalar(alike.where(Sale.serial_number != number))),
    )


def answered(found: Sale | None) -> api.Sale | None:
    return None if found is None else api.Sale.model_validate(found)


async def sales(
    session: AsyncSession,
    *,
    customer_id: UUID | None,
    seller_id: UUID | None,
    since: datetime | None,
    limit: int,
    after: str | None,
) -> api.Sales:
    """Sales that meet every condition given, cancelled ones too."""
    statement = select(Sale)
    if customer_id is not None:
        statement = statement.where(Sale.customer_id == customer_id)
    if seller_id is not None:
        statement = statement.where(Sale.seller_id == seller_id)
    if since is not None:
        statement = statement.where(Sale.recorded_at >= since)
    return await page(session, statement, limit=limit, after=after)


async def purchases_of(
    session: AsyncSession, customer: Caller, *, limit: int, after: str | None
) -> api.Sales:
    statement = select(Sale).where(Sale.customer_id == customer.id, STANDING)
    return await page(session, statement, limit=limit, after=after)


# --- Search -----------------------------------------------------------------------------------

SHORTEST_WORD = 3


class SearchTooShort(Malformed):
    code = "search_too_short"


async def search_sales(session: AsyncSession, wanted: api.SaleSearch) -> api.Sales:
    """Sales of some days in which every word occurs, cancelled ones too."""
    statement = select(Sale)
    if wanted.sold_from is not None:
        statement = statement.where(Sale.sold_on >= wanted.sold_from)
    if wanted.sold_to is not None:
        statement = statement.where(Sale.sold_on <= wanted.sold_to)
    if wanted.text:
        words = await words_of(session, wanted.text)
        ways = [words] if words else []
        ways += [[number] for number in numbers_in(wanted.text)]
        if ways:
            statement = statement.where(or_(*(and_(*map(holds, way)) for way in ways)))
    return await page(session, statement, limit=wanted.limit, after=wanted.after)


def holds(word: str) -> ColumnElement[bool]:
    """What the index finds, then whether it is written so."""
    found = literal_column(SQUEEZED, Text).contains(word.replace("-", ""), autoescape=True)
    return found & Sale.search_text.regexp_match(pattern_of(word.replace("-", "")))


def numbers_in(text: str) -> list[str]:
    """Of a sale or a unit, as they are stored, whatever stands around or inside them."""
    folded = fold(text)
    number = sale_number_in(folded)
    return [each.lower() for each in ([number] if number else serial_numbers_in(folded))]


async def words_of(session: AsyncSession, text: str) -> list[str]:
    """The words, and a search that is planned for these very words.

    A common one is then soon met among the newest sales, a rare one looked up in the index.
    """
    await session.execute(select(func.set_config("plan_cache_mode", "force_custom_plan", True)))
    words = folding.words_of(text)
    if words and max(map(len, words)) < SHORTEST_WORD:
        raise SearchTooShort("one word of 3 characters is needed", field="text")
    return words


# --- Pages ------------------------------------------------------------------------------------


async def page(
    session: AsyncSession, statement: Select[Sale], *, limit: int, after: str | None
) -> api.Sales:
    """One page, newest first; one row more than shown tells whether another follows."""
    if after is not None:
        last = paging.decode(after, datetime, UUID)
        statement = statement.where(tuple_(Sale.recorded_at, Sale.id) < last)
    newest = statement.order_by(Sale.recorded_at.desc(), Sale.id.desc())
    found = (await session.scalars(newest.limit(limit + 1))).all()
    shown = [api.Sale.model_validate(row) for row in found[:limit]]
    following = paging.encode(shown[-1].recorded_at, shown[-1].id) if len(found) > limit else None
    return api.Sales(sales=shown, next=following)


async def purchase_counts(
    session: AsyncSession, customer_ids: Sequence[UUID]
) -> list[api.PurchaseCount]:
    """How many purchases of each stand, in the order asked; exact to 1,000, at most 1,001."""
    rows = await session.execute(
        select(Sale.customer_id, func.count())
        .where(Sale.customer_id.in_(customer_ids), STANDING)
        .group_by(Sale.customer_id)
    )
    counts = dict(rows.all())
    return [
        api.PurchaseCount(customer_id=id, count=min(counts.get(id, 0), COUNTED_MOST + 1))
        for id in customer_ids
    ]


async def are_known(
    session: AsyncSession, *, customer_id: UUID, product_id: UUID
) -> tuple[bool, bool]:
    """Whether this customer and this product have reached us yet."""
    row = await session.execute(
        select(
            exists().where(KnownCustomer.id == customer_id),
            exists().where(SellableProduct.id == product_id),
        )
    )
    customer_known, product_known = row.one()
    return customer_known, product_known


async def draft(session: AsyncSession, seller: Caller, *, at: datetime) -> Draft | None:
    """The sale that this seller has begun and neither recorded nor forgotten for days."""
    return await session.scalar(
        select(Draft).where(
            Draft.seller_id == seller.id,
            Draft.sale_id.is_(None),
            Draft.saved_at >= at - DRAFTS_LAST,
        )
    )
