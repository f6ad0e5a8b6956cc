"""What sellers look for in the catalogue, while they type, among a million products.

The rule: every word of the text occurs in reference or designation, one of them being three
characters long at least; products on sale and withdrawn are counted apart, to 1,000.

How it stays quick (measured by `bench/product_search.py`):

- A trigram index finds a rare word in a millisecond. A common one it finds slowly, since the
  places of all its 100,000 products are gathered before the first is looked at. So a sample is
  asked first: one product in sixteen, with small indexes of its own. 1,001 matches in it are
  1,001 matches, and the whole index is only asked for what has fewer than some 16,000.
- The planner would rather read the table from its start for a common word, which is quick when
  its guess is right and takes 200 ms when not. Reading the table is thus forbidden to it, but
  for the rare text without a word that trigrams can find.
- One index for each group: a word that only withdrawn products have costs nothing in the other.
- One statement for all of it: each more costs a millisecond or two of this process. It gathers
  ids alone, since whole rows wait in memory for longer than they take to be read again.

The weak point: a common word with another of one or two characters that is rare (« black qz »).
Nothing finds the short one but looking at all products that have the long one.
"""

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.models import Product
from chassis.errors import NotFound
from contracts.catalog import api

BEYOND = api.COUNTED_MOST + 1


class ProductUnknown(NotFound):
    code = "product_unknown"


async def product(session: AsyncSession, product_id: UUID) -> Product:
    found = await session.get(Product, product_id)
    if found is None:
        raise ProductUnknown("there is no such product")
    return found


async def search(
    session: AsyncSession, typed: str, *, list_withdrawn: bool = False
) -> api.ProductSearch:
    """Few products are listed, many are counted.

    Each group is listed only when 1 to 9 of it match, the withdrawn only when asked for. A text
    that is a whole reference, however short, offers that product, and counts the others.
    """
    words = await fold(session, typed)
    if any(word.is_long for word in words):
        found = await look_up(session, typed.strip(), words)
        exact = found.exact
    else:
        exact = await with_reference(session, typed.strip())
        found = await look_up(session, typed.strip(), words) if exact and words else None
    if found is None:
        nothing = api.Matches(count=0, products=[])
        return api.ProductSearch(
            text=typed,
            state=api.SearchState.TOO_SHORT,
            exact=exact,
            on_sale=nothing,
            withdrawn=nothing,
        )
    return api.ProductSearch(
        text=typed,
        state=api.SearchState.SEARCHED,
        exact=exact,
        on_sale=api.Matches(count=found.on_sale_count, products=found.on_sale),
        withdrawn=api.Matches(
            count=found.withdrawn_count, products=found.withdrawn if list_withdrawn else []
        ),
    )


# --- Words ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """A word as it was typed, and as `searchable` folds it: no sign in it is one to LIKE."""

    typed: str
    folded: str

    @property
    def is_long(self) -> bool:
        return len(unicodedata.normalize("NFC", self.typed)) >= api.SHORTEST_WORD

    @property
    def has_trigrams(self) -> bool:
        return len(self.folded) >= 3


async def fold(session: AsyncSession, typed: str) -> list[Word]:
    """The words of the text, without those that are part of another one.

    The same call forbids the planner to read the whole table, until the transaction ends.
    """
    words = list(dict.fromkeys(typed.split()))
    folded = await session.scalar(
        text("""
            SELECT array(
                SELECT searchable(word) FROM unnest(CAST(:words AS text[]))
                WITH ORDINALITY AS said (word, place) ORDER BY place
            )
            FROM set_config('enable_seqscan', 'off', true)
        """),
        {"words": words},
    )
    by_folded = {said.strip(): word for word, said in zip(words, folded or [], strict=True)}
    return [
        Word(typed=word, folded=said)
        for said, word in by_folded.items()
        if said and not any(said != other and said in other for other in by_folded)
    ]


# --- Products ---------------------------------------------------------------------------------


# One statement does it all: the time of a search is for the most part that of going to and fro.
# What is not needed is not read: the whole index only where the sample did not suffice.
LOOK_UP = """
    WITH sampled AS MATERIALIZED (
        SELECT
            (SELECT count(*) FROM (
                SELECT FROM products WHERE on_sale AND {in_sample} LIMIT :beyond
            ) AS those) AS on_sale,
            (SELECT count(*) FROM (
                SELECT FROM products WHERE NOT on_sale AND {in_sample} LIMIT :beyond
            ) AS those) AS withdrawn
    ),
    on_sale AS MATERIALIZED (
        SELECT id FROM products
        WHERE on_sale AND {match} AND (SELECT on_sale FROM sampled) < :beyond LIMIT :beyond
    ),
    withdrawn AS MATERIALIZED (
        SELECT id FROM products
        WHERE NOT on_sale AND {match} AND (SELECT withdrawn FROM sampled) < :beyond LIMIT :beyond
    ),
    counts AS MATERIALIZED (
        SELECT
            greatest((SELECT on_sale / :beyond * :beyond FROM sampled), (SELECT count(*) FROM on_sale)) AS on_sale,
            greatest((SELECT withdrawn / :beyond * :beyond FROM sampled), (SELECT count(*) FROM withdrawn)) AS withdrawn
    )
    SELECT counts.on_sale AS on_sale_count, counts.withdrawn AS withdrawn_count, products.*
    FROM counts LEFT JOIN (
        ({exact})
        UNION ALL
        (SELECT 1, {begun}, searchable(designation), {shown} FROM products
            WHERE id IN (SELECT id FROM on_sale) AND (SELECT on_sale FROM counts) <= :listed)
        UNION ALL
        (SELECT 2, {begun}, searchable(designation), {shown} FROM products
            WHERE id IN (SELECT id FROM withdrawn) AND (SELECT withdrawn FROM counts) <= :listed)
    ) AS products ON true
    ORDER BY part, beginnings DESC, folded, designation, reference
"""
# The product of exactly this reference; if there is none, those that differ by case or accents.
EXACT = """
    SELECT 0 AS part, CAST(reference = :reference AS int) AS beginnings, '' AS folded, {shown}
    FROM products
    WHERE reference = :reference OR searchable(reference) = searchable(:reference)
    ORDER BY reference = :reference DESC, reference
    LIMIT :listed
"""
SHOWN = "id, reference, designation, on_sale, version"
NO_SAMPLE = "false"


@dataclass(frozen=True)
class Found:
    """What one look found; lists are empty where there are too many."""

    exact: list[api.Product]
    on_sale: list[api.Product]
    withdrawn: list[api.Product]
    on_sale_count: int
    withdrawn_count: int


async def look_up(session: AsyncSession, reference: str, words: Sequence[Word]) -> Found:
    """Those where more words are the beginning of a word come first, then by designation."""
    sampled = any(word.has_trigrams for word in words)
    if not sampled:  # a whole reference of one or two characters: no index finds a part so short
        await session.execute(text("SET LOCAL enable_seqscan = on"))
    patterns = {f"occurs_{n}": f"%{word.folded}%" for n, word in enumerate(words)}
    patterns |= {f"begins_{n}": f"% {word.folded}%" for n, word in enumerate(words)}
    values = {**patterns, "reference": reference, "beyond": BEYOND, "listed": api.LISTED_MOST}
    rows = (await session.execute(statement(len(words), sampled=sampled), values)).all()
    products: dict[int | None, list[api.Product]] = {0: [], 1: [], 2: [], None: []}
    for row in rows:
        if row.part is not None:
            products[row.part].append(api.Product.model_validate(row))
    return Found(
        exact=only_whole(products[0], reference),
        on_sale=products[1],
        withdrawn=products[2],
        on_sale_count=rows[0].on_sale_count,
        withdrawn_count=rows[0].withdrawn_count,
    )


@functools.cache
def statement(words: int, *, sampled: bool) -> TextClause:
    """The same for all texts of so many words."""
    match = " AND ".join(f"searched LIKE :occurs_{n}" for n in range(words))
    begun = " + ".join(f"CAST(' ' || searched LIKE :begins_{n} AS int)" for n in range(words))
    return text(
        LOOK_UP.format(
            match=match,
            in_sample=f"in_sample AND {match}" if sampled else NO_SAMPLE,
            begun=begun,
            exact=EXACT.format(shown=SHOWN),
            shown=SHOWN,
        )
    )


async def with_reference(session: AsyncSession, reference: str) -> list[api.Product]:
    values = {"reference": reference, "listed": api.LISTED_MOST}
    rows = await session.execute(text(EXACT.format(shown=SHOWN)), values)
    return only_whole([api.Product.model_validate(row) for row in rows], reference)


def only_whole(products: list[api.Product], reference: str) -> list[api.Product]:
    return products[:1] if products and products[0].reference == reference else products
