"""Searches a million products while a seller types.

The rule: the text has three letters or digits at least; every word of it occurs in reference or
designation, where separators inside a word never decide (`chassis.text.folding`); products on sale and
withdrawn are counted apart, to 1,000.

How it stays quick (measured by `bench/product_search.py`):

- One index has the trigrams of the text without its separators, for words of three characters
  and more, and its pieces of one and two characters for shorter words. It intersects the lists
  of all words at once. Which of the products found do hold a long word, and not just letters of
  two words, is then seen in each; so are single characters beside longer words.
- A common word has 100,000 products, whose places are gathered before the first is looked at. So
  a sample is asked first: one product in sixteen, with small indexes of its own. 1,001 matches in
  it are 1,001 matches, and the whole index is only asked for what has fewer than some 16,000.
- Where in the table the 64th match of the sample lies tells whether it has so many. Where it has
  not, it is looked at no further: its matches lie far apart, and all would be looked at again.
- The planner would rather read the table from its start for a common word, which is quick when
  its guess is right and takes 200 ms when not. Reading the table is thus forbidden to it.
- One index for each group: a word that only withdrawn products have costs nothing in the other.
- One statement for all of it: each more costs a millisecond or two of this process. It gathers
  ids alone, since whole rows wait in memory for longer than they take to be read again.

The weak point: a common word with another of one or two characters. Since trigrams are not the
whole truth, PostgreSQL makes the pieces again of each product that the index finds; and a single
character that is rare (« black ω ») is looked for in all products that have the long word.
"""

import functools
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import TextClause, bindparam, select, text

from catalog.models import Product
from chassis.data.reading import BY_INDEX, Reader
from chassis.errors import NotFound
from chassis.text import folding
from chassis.text.folding import (
    LONGEST_PIECE,
    MAX_WORDS,
    beginning_of,
    count_letters,
    has_trigrams,
    pattern_of,
    words_of,
)
from contracts.catalog import api
from contracts.counts import COUNTED_MOST
from contracts.text import SEARCH_SHORTEST

BEYOND = COUNTED_MOST + 1
MANY_SAMPLED = 64  # so many in the sample, and there are more than are counted
LIKELY_SAMPLED = BEYOND * 6 // 5  # so many expected in the sample, and it has 1,001 of them


class ProductUnknown(NotFound):
    code = "product_unknown"


ONE = select(*(getattr(Product, name) for name in api.Product.model_fields)).where(
    Product.id == bindparam("id")
)


async def product(reader: Reader, product_id: UUID) -> api.Product:
    found = (await reader.execute(ONE, {"id": product_id})).one_or_none()
    if found is None:
        raise ProductUnknown("there is no such product")
    return api.Product.model_validate(found)


async def search(reader: Reader, typed: str, *, list_withdrawn: bool = False) -> api.ProductSearch:
    """A few products are listed, many are only counted.

    Each group is listed only when 1 to 9 of it match, the withdrawn only on request. A text that
    equals a whole reference, however short, lists that product and counts the others.
    """
    if count_letters(typed) >= SEARCH_SHORTEST:
        found = await look_up(reader, typed.strip())
        exact = found.exact
    else:
        exact = await with_reference(reader, typed.strip())
        found = await look_up(reader, typed.strip()) if exact and words_of(typed) else None
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


# --- Products ---------------------------------------------------------------------------------


# One statement does it all: the time of a search is for the most part that of going to and fro.
# What is not needed is not read: the whole index only where the sample did not suffice.
LOOK_UP = """
    WITH beginning AS MATERIALIZED (
        SELECT
            on_sale.matches AS on_sale,
            on_sale.matches = :many AND on_sale.block < table_.likely AS on_sale_is_common,
            withdrawn.matches AS withdrawn,
            withdrawn.matches = :many AND withdrawn.block < table_.likely AS withdrawn_is_common
        FROM
            (SELECT count(*) AS matches, max((CAST(CAST(ctid AS text) AS point))[0]) AS block FROM (
                SELECT ctid FROM products WHERE on_sale AND in_sample AND {match} LIMIT :many
            ) AS those) AS on_sale,
            (SELECT count(*) AS matches, max((CAST(CAST(ctid AS text) AS point))[0]) AS block FROM (
                SELECT ctid FROM products WHERE NOT on_sale AND in_sample AND {match} LIMIT :many
            ) AS those) AS withdrawn,
            (SELECT pg_relation_size('products') / CAST(current_setting('block_size') AS int)
                * :many / :likely AS likely) AS table_
    ),
    sampled AS MATERIALIZED (
        SELECT
            greatest((SELECT on_sale FROM beginning), (SELECT count(*) FROM (
                SELECT FROM products WHERE on_sale AND in_sample AND {match}
                    AND (SELECT on_sale_is_common FROM beginning) LIMIT :beyond
            ) AS those)) AS on_sale,
            greatest((SELECT withdrawn FROM beginning), (SELECT count(*) FROM (
                SELECT FROM products WHERE NOT on_sale AND in_sample AND {match}
                    AND (SELECT withdrawn_is_common FROM beginning) LIMIT :beyond
            ) AS those)) AS withdrawn
    ),
    on_sale AS MATERIALIZED (
        (SELECT id FROM products
            WHERE on_sale AND {match} AND (SELECT on_sale FROM sampled) < :many LIMIT :beyond)
        UNION ALL
        (SELECT id FROM products
            WHERE on_sale AND {match_many}
                AND (SELECT on_sale >= :many AND on_sale < :beyond FROM sampled) LIMIT :beyond)
    ),
    withdrawn AS MATERIALIZED (
        (SELECT id FROM products
            WHERE NOT on_sale AND {match} AND (SELECT withdrawn FROM sampled) < :many LIMIT :beyond)
        UNION ALL
        (SELECT id FROM products
            WHERE NOT on_sale AND {match_many}
                AND (SELECT withdrawn >= :many AND withdrawn < :beyond FROM sampled) LIMIT :beyond)
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
        (SELECT 1, {begun}, fold(designation), {shown} FROM products
            WHERE id IN (SELECT id FROM on_sale) AND (SELECT on_sale FROM counts) <= :listed)
        UNION ALL
        (SELECT 2, {begun}, fold(designation), {shown} FROM products
            WHERE id IN (SELECT id FROM withdrawn) AND (SELECT withdrawn FROM counts) <= :listed)
    ) AS products ON true
    ORDER BY part, beginnings DESC, folded, designation, reference
"""
# The product of exactly this reference; if there is none, those that look like it.
EXACT = """
    SELECT 0 AS part, CAST(reference = :reference AS int) AS beginnings, '' AS folded, {shown}
    FROM products
    WHERE reference = :reference OR alike = alike(:reference) AND alike <> ''
    ORDER BY reference = :reference DESC, reference
    LIMIT :listed
"""
SHOWN = "id, reference, designation, on_sale, version"
WITH_REFERENCE = text(EXACT.format(shown=SHOWN))
# What the index of trigrams finds, and then whether it is written so.
TRIGRAMS = "squeezed(searched) LIKE :like_{n}"
WRITTEN = "(strpos(searched, :word_{n}) > 0 OR searched ~ :pattern_{n})"
SHORT = "strpos(searched, :word_{n}) > 0"
PIECES = "pieces(searched) @> CAST(:pieces AS text[])"
BEGUN = "CAST(searched ~ :begins_{n} AS int)"


@dataclass(frozen=True)
class Found:
    """The result of one statement; lists are empty where there are too many."""

    exact: list[api.Product]
    on_sale: list[api.Product]
    withdrawn: list[api.Product]
    on_sale_count: int
    withdrawn_count: int


async def look_up(reader: Reader, typed: str) -> Found:
    """Sorted by how many words match a beginning of a word, then by designation."""
    words = words_of(typed)[:MAX_WORDS]
    values: dict[str, object] = {
        "reference": typed,
        "listed": api.LISTED_MOST,
        "beyond": BEYOND,
        "many": MANY_SAMPLED,
        "likely": LIKELY_SAMPLED,
        "pieces": pieces_of(words),
    }
    for n, word in enumerate(words):
        values |= {f"word_{n}": word, f"like_{n}": f"%{literally(word)}%"}
        values |= {f"pattern_{n}": pattern_of(word), f"begins_{n}": beginning_of(word)}
    rows = await reader.with_setting(BY_INDEX, look_up_statement(shape_of(words)), values)
    products: dict[int | None, list[api.Product]] = {0: [], 1: [], 2: [], None: []}
    for row in rows:
        if row.part is not None:
            products[row.part].append(api.Product.model_validate(row))
    return Found(
        exact=only_whole(products[0], typed),
        on_sale=products[1],
        withdrawn=products[2],
        on_sale_count=rows[0].on_sale_count,
        withdrawn_count=rows[0].withdrawn_count,
    )


def shape_of(words: list[str]) -> tuple[tuple[int, bool], ...]:
    """How long each word is, to 3, and whether it has trigrams."""
    return tuple((min(len(word), 3), has_trigrams(word)) for word in words)


def pieces_of(words: list[str]) -> list[str]:
    """The pieces for the index: pairs, or everything where no word has trigrams."""
    if any(map(has_trigrams, words)):
        return [word for word in words if len(word) == LONGEST_PIECE]
    return folding.pieces_of(words)


def literally(word: str) -> str:
    """Escapes LIKE's wildcards; a folded word has no backslash."""
    return word.replace("%", "\\%").replace("_", "\\_")


@functools.lru_cache(maxsize=256)
def look_up_statement(shape: tuple[tuple[int, bool], ...]) -> TextClause:
    """The same for all texts of such words.

    Where so many match that looking at products soon ends, pairs are looked for in their texts.
    """
    match = conditions(shape, pairs=PIECES)
    many = conditions(shape, pairs="") if any(trigrams for _, trigrams in shape) else match
    return text(
        LOOK_UP.format(
            match=match,
            match_many=many,
            begun=" + ".join(BEGUN.format(n=n) for n in range(len(shape))),
            exact=EXACT.format(shown=SHOWN),
            shown=SHOWN,
        )
    )


def conditions(shape: tuple[tuple[int, bool], ...], *, pairs: str) -> str:
    """All words, those of two characters by this condition, or else each in the text."""
    long = any(trigrams for _, trigrams in shape)
    found = [pairs] if pairs and (not long or (LONGEST_PIECE, False) in shape) else []
    for n, (length, trigrams) in enumerate(shape):
        if trigrams:
            found.append(TRIGRAMS.format(n=n))
        if length == 1 and long:
            found.append(SHORT.format(n=n))
        elif length > LONGEST_PIECE or (length == LONGEST_PIECE and not pairs):
            found.append(WRITTEN.format(n=n))
    return " AND ".join(found)


async def with_reference(reader: Reader, reference: str) -> list[api.Product]:
    values = {"reference": reference, "listed": api.LISTED_MOST}
    rows = await reader.with_setting(BY_INDEX, WITH_REFERENCE, values)
    return only_whole([api.Product.model_validate(row) for row in rows], reference)


def only_whole(products: list[api.Product], reference: str) -> list[api.Product]:
    return products[:1] if products and products[0].reference == reference else products
