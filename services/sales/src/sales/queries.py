"""Reads sales; each caller gets only those that they may see."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.reading import BY_INDEX, Reader, Rows, Statement, Values
from chassis.errors import Malformed, NotFound
from chassis.http import paging
from chassis.http.auth import Caller
from chassis.text.folding import (
    LONGEST_PIECE,
    MAX_WORDS,
    count_letters,
    fold,
    has_trigrams,
    pattern_of,
    pieces_of,
    words_of,
)
from contracts.counts import COUNTED_MOST
from contracts.identity.roles import STAFF
from contracts.numbers import sale_number_in, serial_numbers_in
from contracts.sales import api
from contracts.text import SEARCH_SHORTEST
from sales.models import DRAFTS_LAST, PIECES, SQUEEZED, Draft, KnownCustomer, Sale, SellableProduct

NOT_CANCELLED = Sale.cancelled_at.is_(None)


class SaleUnknown(NotFound):
    """No such sale, or the caller may not see it."""

    code = "sale_unknown"


# All columns of the contract's sale; those of its product under names of their own.
PRODUCT = {
    "product_id": "id",
    "product_reference": "reference",
    "product_designation": "designation",
}
SALE = select(
    *(getattr(Sale, name) for name in api.Sale.model_fields if name != "product")
).add_columns(*(getattr(Sale, name) for name in PRODUCT))
ONE = SALE.where(Sale.id == bindparam("id"))
ONE_OF_MINE = ONE.where(Sale.customer_id == bindparam("customer_id"), NOT_CANCELLED)
OF_UNIT = SALE.where(
    Sale.product_id == bindparam("product_id"),
    Sale.serial_number == bindparam("serial_number"),
    NOT_CANCELLED,
)


def sale_of(row: Any) -> api.Sale:
    product = {name: getattr(row, column) for column, name in PRODUCT.items()}
    return api.Sale.model_validate(row._asdict() | {"product": product})


async def sale(reader: Reader, caller: Caller, sale_id: UUID) -> api.Sale:
    """Staff see every sale; customers what they bought, unless it was cancelled."""
    for_staff = caller.role in STAFF
    values = {"id": sale_id} if for_staff else {"id": sale_id, "customer_id": caller.id}
    found = await one_or_none(reader, ONE if for_staff else ONE_OF_MINE, values)
    if found is None:
        raise SaleUnknown("no such sale")
    return found


async def one_or_none(
    reader: Reader, statement: Statement, values: Values | None = None
) -> api.Sale | None:
    row = (await reader.execute(statement, values)).one_or_none()
    return None if row is None else sale_of(row)


async def sale_to_change(session: AsyncSession, sale_id: UUID) -> Sale:
    """The sale, locked until the transaction ends."""
    found = await session.scalar(select(Sale).where(Sale.id == sale_id).with_for_update())
    if found is None:
        raise SaleUnknown("no such sale")
    return found


async def sale_of_unit(reader: Reader, product_id: UUID, serial_number: str) -> api.Sale | None:
    """The sale of this unit that is not cancelled, if there is one."""
    values = {"product_id": product_id, "serial_number": serial_number}
    return await one_or_none(reader, OF_UNIT, values)


async def serial_number_checked(
    reader: Reader, check: api.SerialNumberCheck
) -> api.SerialNumberChecked:
    """The sale of this unit, and sales of units that it may be mistaken for."""
    number = check.serial_number
    alike = (
        SALE.where(Sale.reads_like(number), NOT_CANCELLED)
        .order_by(Sale.recorded_at.desc())
        .limit(1)
    )
    same = alike.where(Sale.serial_number == number, Sale.product_id != check.product_id)
    return api.SerialNumberChecked(
        serial_number=number,
        sale=await sale_of_unit(reader, check.product_id, number),
        same_number=await one_or_none(reader, same),
        look_alike=await one_or_none(reader, alike.where(Sale.serial_number != number)),
    )


async def sales(
    reader: Reader,
    *,
    customer_id: UUID | None,
    seller_id: UUID | None,
    since: datetime | None,
    limit: int,
    after: str | None,
) -> api.Sales:
    """Sales that meet every condition given, cancelled ones too."""
    statement = SALE
    if customer_id is not None:
        statement = statement.where(Sale.customer_id == customer_id)
    if seller_id is not None:
        statement = statement.where(Sale.seller_id == seller_id)
    if since is not None:
        statement = statement.where(Sale.recorded_at >= since)
    return await page(reader, statement, limit=limit, after=after)


async def purchases_of(
    reader: Reader, customer: Caller, *, limit: int, after: str | None
) -> api.Sales:
    statement = SALE.where(Sale.customer_id == customer.id, NOT_CANCELLED)
    return await page(reader, statement, limit=limit, after=after)


# --- Search -----------------------------------------------------------------------------------

# So many of the newest are looked at one by one before an index is asked.
NEWEST = 2_000


class SearchTooShort(Malformed):
    code = "search_too_short"


async def search_sales(reader: Reader, wanted: api.SaleSearch) -> api.Sales:
    """Sales of some days in which every word occurs, cancelled ones too."""
    days: list[ColumnElement[bool]] = []
    if wanted.sold_from is not None:
        days.append(Sale.sold_on >= wanted.sold_from)
    if wanted.sold_to is not None:
        days.append(Sale.sold_on <= wanted.sold_to)
    limit, after = wanted.limit, wanted.after
    if not wanted.text:
        return await page(reader, SALE.where(*days), limit=limit, after=after)
    missing = SEARCH_SHORTEST - count_letters(wanted.text)
    if missing > 0:
        raise SearchTooShort(
            "3 letters or digits are needed", field="text", context={"missing": missing}
        )
    ways = ways_to_find(wanted.text)
    if all(any(map(has_trigrams, way)) for way in ways):
        # Planned for these very words: a common one is soon met among the newest sales, a rare one
        # looked up in the index.
        found = SALE.where(*days, or_(*(and_(*map(holds, way)) for way in ways)))
        return await page(reader, found, limit=limit, after=after, custom_plan=True)
    return await of_short_words(reader, days, ways, limit=limit, after=after)


async def of_short_words(
    reader: Reader,
    days: list[ColumnElement[bool]],
    ways: list[list[str]],
    *,
    limit: int,
    after: str | None,
) -> api.Sales:
    """Common ones fill a page from the newest sales; else their index gathers all that match.

    That is never left to the planner, which cannot know how often short words meet.
    """
    occur = or_(*(and_(*map(is_written, way)) for way in ways))
    oldest = newest_first(select(Sale.recorded_at), after).offset(NEWEST).limit(1).correlate(None)
    recent = Sale.recorded_at >= func.coalesce(oldest.scalar_subquery(), text("'-infinity'"))
    found = await page(reader, SALE.where(*days, recent, occur), limit=limit, after=after)
    if found.next is not None:
        return found
    indexed = or_(*(in_index(way) for way in ways))
    gathered = (
        select(Sale.id, Sale.recorded_at)
        .where(*days, indexed)
        .cte("gathered")
        .prefix_with("MATERIALIZED")
    )
    newest = newest_first(select(gathered.c.id), after, gathered.c).limit(limit + 1)
    statement = newest_first(SALE.where(Sale.id.in_(newest)))
    return page_of(await reader.with_setting(BY_INDEX, statement, {}), limit)


def ways_to_find(text: str) -> list[list[str]]:
    """Words that must all occur: those of the text, or a number that it is."""
    return [words_of(text)[:MAX_WORDS], *([number] for number in numbers_in(text))]


def holds(word: str) -> ColumnElement[bool]:
    """Matches the index of trigrams, then the text itself."""
    found = literal_column(SQUEEZED, Text).contains(word, autoescape=True)
    return found & is_written(word)


def is_written(word: str) -> ColumnElement[bool]:
    return Sale.search_text.regexp_match(pattern_of(word))


def in_index(words: list[str]) -> ColumnElement[bool]:
    """By trigrams if a word is long enough to have some, else by pieces of words."""
    if any(map(has_trigrams, words)):
        return and_(*map(holds, words))
    pieces = literal_column(PIECES, ARRAY(Text)).contains(cast(pieces_of(words), ARRAY(Text)))
    return and_(pieces, *(is_written(word) for word in words if len(word) > LONGEST_PIECE))


def numbers_in(text: str) -> list[str]:
    """Numbers of sales and units in the text, folded as they are searched."""
    folded = fold(text)
    number = sale_number_in(folded)
    found = [number] if number else serial_numbers_in(folded)
    return [each.lower().replace("-", "") for each in found]


# --- Pages ------------------------------------------------------------------------------------


async def page(
    reader: Reader,
    statement: Select[*tuple[Any, ...]],
    *,
    limit: int,
    after: str | None,
    custom_plan: bool = False,
) -> api.Sales:
    """One page, newest first; one row more than shown says whether another page follows."""
    newest = newest_first(statement, after).limit(limit + 1)
    return page_of(await reader.execute(newest, custom_plan=custom_plan), limit)


def newest_first(
    statement: Select[*tuple[Any, ...]], after: str | None = None, sale: Any = Sale
) -> Select[*tuple[Any, ...]]:
    if after is not None:
        last = paging.decode(after, datetime, UUID)
        statement = statement.where(tuple_(sale.recorded_at, sale.id) < last)
    return statement.order_by(sale.recorded_at.desc(), sale.id.desc())


def page_of(found: Rows, limit: int) -> api.Sales:
    shown = [sale_of(row) for row in found[:limit]]
    following = paging.encode(shown[-1].recorded_at, shown[-1].id) if len(found) > limit else None
    return api.Sales(sales=shown, next=following)


async def purchase_counts(reader: Reader, customer_ids: Sequence[UUID]) -> list[api.PurchaseCount]:
    """How many purchases each has, without cancelled ones, in the order asked; exact up to 1,000,
    else 1,001.
    """
    rows = await reader.execute(
        select(Sale.customer_id, func.count())
        .where(Sale.customer_id.in_(customer_ids), NOT_CANCELLED)
        .group_by(Sale.customer_id)
    )
    counts = dict(rows)
    return [
        api.PurchaseCount(customer_id=id, count=min(counts.get(id, 0), COUNTED_MOST + 1))
        for id in customer_ids
    ]


ARE_KNOWN = select(
    exists().where(KnownCustomer.id == bindparam("customer_id", type_=Uuid)).label("customer"),
    exists().where(SellableProduct.id == bindparam("product_id", type_=Uuid)).label("product"),
)


async def are_known(reader: Reader, *, customer_id: UUID, product_id: UUID) -> tuple[bool, bool]:
    """Whether the events of this customer and this product have arrived."""
    values = {"customer_id": customer_id, "product_id": product_id}
    row = (await reader.execute(ARE_KNOWN, values)).one()
    return row.customer, row.product


DRAFT = select(Draft.key, Draft.content, Draft.saved_at).where(
    Draft.seller_id == bindparam("seller_id"),
    Draft.sale_id.is_(None),
    Draft.saved_at >= bindparam("since"),
)


async def draft(reader: Reader, seller: Caller, *, at: datetime) -> api.Draft:
    """The sale that this seller has begun; drafts expire after some days."""
    values = {"seller_id": seller.id, "since": at - DRAFTS_LAST}
    row = (await reader.execute(DRAFT, values)).one_or_none()
    return api.Draft() if row is None else api.Draft.model_validate(row)
