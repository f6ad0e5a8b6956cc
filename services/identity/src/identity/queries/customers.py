"""Searches 300,000 customers while somebody types.

In SQL text, because which index is used, and how far a statement reads, is the point.
"""

import functools
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic_core import PydanticCustomError
from sqlalchemy import text

from chassis.data.reading import Reader, Values
from chassis.http import paging
from chassis.text.folding import words_of
from contracts.counts import COUNTED_MOST
from contracts.identity.api import INSIDE_SHORTEST, Customer, Customers, CustomerSearch
from contracts.identity.emails import read_email

WALKED = 2_000  # customers looked at in the order of names, where many match

# (rank, name_key, id) of the last customer shown
Cursor = tuple[int, str, UUID]
Rows = Sequence[Any]

COLUMNS = (
    "id, first_name, last_name, email, enabled, registered_at, version, name_key, has_password"
)
READ = COLUMNS.replace("has_password", "password_hash IS NOT NULL AS has_password")

COUNT = """
    SELECT count(*)
    FROM (SELECT FROM accounts WHERE role = 'customer' LIMIT :counted) AS customers
"""
# The page is right unless there are too many; the number of matches always comes with it.
RANK_FEW = """
    WITH found AS (
        SELECT {read}, CASE WHEN {whole} THEN 0 WHEN {begin} THEN 1 ELSE 2 END AS rank
        FROM accounts
        WHERE role = 'customer' AND {match}
        LIMIT :counted
    )
    SELECT matches, page.*
    FROM (SELECT count(*) AS matches FROM found) AS counted
    LEFT JOIN (
        SELECT * FROM found WHERE {after} ORDER BY rank, name_key, id LIMIT :limit
    ) AS page ON true
    ORDER BY rank, name_key, id
"""
# What is common is soon met in the order of names.
WALK = """
    SELECT {columns}, CAST(:rank AS integer) AS rank
    FROM (
        SELECT {read}, search_text
        FROM accounts
        WHERE role = 'customer' AND {after}
        ORDER BY name_key, id
        LIMIT :walked
    ) AS next_by_name
    WHERE {match}
    ORDER BY name_key, id
    LIMIT :limit
"""
# What is not, or has one name (half of all customers come before the Martins), is looked up in
# the index of texts and then sorted. OFFSET 0 keeps the planner from walking after all.
GATHER = """
    SELECT {columns}, CAST(:rank AS integer) AS rank
    FROM (
        SELECT {read} FROM accounts WHERE role = 'customer' AND {after} AND {match} OFFSET 0
    ) AS matching
    ORDER BY name_key, id
    LIMIT :limit
"""


class Words:
    """The typed words as SQL conditions on a text in which each word has blanks around it.

    Up to two characters match beginnings of words, three or more any part. All words must match.
    Separators inside a word are ignored.
    """

    def __init__(self, text: str) -> None:
        every = words_of(text)
        self.words = [word for word in every if any(map(str.isalnum, word))] or every
        self.whole, self.begin, self.match = (
            " AND ".join(f"search_text LIKE :{kind}_{n}" for n in range(len(self.words))) or "true"
            for kind in ("whole", "begin", "match")
        )
        # Best matches first: whole words, beginnings of words, the rest.
        self.of_rank = (
            self.whole,
            f"{self.begin} AND NOT ({self.whole})",
            f"{self.match} AND NOT ({self.begin})",
        )

    @property
    def patterns(self) -> dict[str, str]:
        patterns = {}
        for n, word in enumerate(self.words):
            literally = word.replace("%", "\\%").replace("_", "\\_")
            patterns[f"whole_{n}"] = f"% {literally} %"
            patterns[f"begin_{n}"] = f"% {literally}%"
            patterns[f"match_{n}"] = (
                f"%{literally}%" if len(word) >= INSIDE_SHORTEST else f"% {literally}%"
            )
        return patterns


async def search_customers(reader: Reader, wanted: CustomerSearch) -> Customers:
    """Best matches first, then by name; by name alone without a text.

    Up to 1,000 matches are ranked in one statement. Beyond that each rank is read in the order of
    names; a rank too rare to be found that way is collected and sorted completely.
    """
    after = paging.decode(wanted.after, int, str, UUID) if wanted.after else None
    words = Words(with_stored_emails(wanted.text))
    if not words.words:
        count = await reader.scalar(statement_of(COUNT), {"counted": COUNTED_MOST + 1})
        rows = await read_by_name(reader, words, 0, after, wanted.limit + 1)
    else:
        count, rows = await rank_few(reader, words, after, wanted.limit + 1)
        if count > COUNTED_MOST:  # no more are ranked one by one
            rows = await rank_many(reader, words, after, wanted.limit + 1)
    shown = rows[: wanted.limit]
    last = shown[-1] if len(rows) > wanted.limit else None
    return Customers(
        customers=[Customer.model_validate(row) for row in shown],
        count=count,
        next=paging.encode(last.rank, last.name_key, last.id) if last else None,
    )


def with_stored_emails(text: str) -> str:
    """The text with its addresses as they are stored, also if they were pasted in another spelling."""
    return " ".join(stored_email(word) if "@" in word else word for word in text.split())


def stored_email(word: str) -> str:
    try:
        return read_email(word)
    except PydanticCustomError:
        return word


async def rank_few(
    reader: Reader, words: Words, after: Cursor | None, limit: int
) -> tuple[int, Rows]:
    """The number of matches, and a page of them."""
    behind = "(rank, name_key, id) > (:rank, :name_key, :id)" if after else "true"
    sql = RANK_FEW.format(
        read=READ, whole=words.whole, begin=words.begin, match=words.match, after=behind
    )
    values = {**words.patterns, **position(after), "counted": COUNTED_MOST + 1, "limit": limit}
    rows = await with_custom_plan(reader, sql, values)
    return rows[0].matches, [row for row in rows if row.id is not None]


async def rank_many(reader: Reader, words: Words, after: Cursor | None, limit: int) -> Rows:
    rows: list[Any] = []
    for rank in range(after[0] if after else 0, len(words.of_rank)):
        rows += await read_by_name(reader, words, rank, after, limit - len(rows))
        if len(rows) == limit:
            break
        after = None
    return rows


async def read_by_name(
    reader: Reader, words: Words, rank: int, after: Cursor | None, limit: int
) -> Rows:
    """The next customers of this rank, by name."""
    behind = "(name_key, id) > (:name_key, :id)" if after else "true"
    values = {**words.patterns, **position(after), "rank": rank, "walked": WALKED, "limit": limit}
    rows: Rows = []
    for statement in (WALK, GATHER):
        sql = statement.format(columns=COLUMNS, read=READ, match=words.of_rank[rank], after=behind)
        rows = await with_custom_plan(reader, sql, values)
        if len(rows) == limit:
            break
    return rows


async def with_custom_plan(reader: Reader, sql: str, values: Values) -> Rows:
    """Plan each time: how common a word is decides which index is right."""
    return await reader.execute(statement_of(sql), values, custom_plan=True)


statement_of = functools.lru_cache(maxsize=256)(text)  # taken apart once


def position(after: Cursor | None) -> dict[str, object]:
    return dict(zip(("rank", "name_key", "id"), after, strict=True)) if after else {}
