"""What changed since a snapshot, so that live pages miss nothing and get nothing twice."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, String, cast, func, literal, literal_column, select, true
from sqlalchemy.types import UserDefinedType

from chassis.data.reading import Reader
from chassis.errors import Malformed
from chassis.http.auth import Caller
from contracts.numbers import LONGEST_NUMBER
from contracts.tickets import api
from tickets.models import SHOWN_TO_CUSTOMERS, Change, is_staff

MAX_CHANGES = 200
FIRST = 1  # the position of the first change of all


class SinceInvalid(Malformed):
    code = "since_invalid"


class PgSnapshot(UserDefinedType[str]):
    """PostgreSQL's pg_snapshot, which SQLAlchemy has no type for."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "pg_snapshot"


# --- Snapshots --------------------------------------------------------------------------------

# PostgreSQL's text form: the oldest running transaction, the next one to begin, and those running
# in between. It says of every change whether it was visible.
AS_OF = cast(func.pg_current_snapshot(), String).label("as_of")

NUMBER = f"[0-9]{{1,{LONGEST_NUMBER}}}"
SNAPSHOT = re.compile(f"({NUMBER}):({NUMBER}):((?:{NUMBER}(?:,{NUMBER})*)?)")
LONGEST_SNAPSHOT = 4_000


@dataclass(frozen=True)
class Snapshot:
    text: str
    oldest_running: int
    next: int
    running: frozenset[int]

    def saw(self, transaction: int) -> bool:
        """Whether the changes of this transaction were visible at that time."""
        return transaction < self.next and transaction not in self.running

    def follows(self, other: "Snapshot") -> bool:
        """Whether everything visible in the other snapshot is visible in this one."""
        return other.next <= self.next and not any(map(other.saw, self.running))


def snapshot(since: str) -> Snapshot:
    """Parses an earlier answer's `as_of`; `since_invalid` if PostgreSQL could not read it."""
    found = SNAPSHOT.fullmatch(since) if len(since) <= LONGEST_SNAPSHOT else None
    if found is None:
        raise not_ours()
    oldest, following = int(found[1]), int(found[2])
    running = [int(each) for each in found[3].split(",") if each]
    bounds = [oldest, *running, following]
    is_in_order = bounds == sorted(bounds) and len(set(running)) == len(running)
    if oldest == 0 or not is_in_order or following in running:
        raise not_ours()
    return Snapshot(since, oldest, following, frozenset(running))


def not_ours() -> SinceInvalid:
    return SinceInvalid("no answer gave this as `as_of`", field="since")


async def as_of(reader: Reader) -> str:
    return str((await reader.execute(select(AS_OF))).scalar_one())


# --- Changes ----------------------------------------------------------------------------------


async def changes_since(
    reader: Reader, since: Snapshot, limit: int, customer_id: UUID | None = None
) -> tuple[Sequence[Row[*tuple[Any, ...]]], str]:
    """The changes that became visible since then, oldest first, and the current snapshot.

    Both come from one statement and so from one snapshot. Of one customer, if given.
    """
    recent = (
        select(
            Change.position,
            Change.transaction,
            Change.number,
            Change.customer_id,
            Change.what,
            Change.by_staff,
            Change.version,
            Change.visible_version,
        )
        .where(
            Change.transaction >= since.oldest_running,
            ~was_seen(since),
        )
        .order_by(Change.position)
        .limit(limit)
    )
    if customer_id is not None:
        recent = recent.where(
            Change.customer_id == customer_id, Change.what.in_(SHOWN_TO_CUSTOMERS)
        )
    changed, now = recent.subquery(), select(AS_OF).subquery()
    statement = select(now.c.as_of, changed).select_from(now).join(changed, true(), isouter=True)
    rows = (await reader.execute(statement)).all()
    return [row for row in rows if row.position is not None], rows[0].as_of


async def changes(reader: Reader, caller: Caller, since: str) -> api.Changes:
    """The changes since then that this caller may see.

    `everything` if there are too many, if `since` is older than the stored changes, or if it comes
    from another database (one restored from a backup, say).
    """
    then = snapshot(since)
    customer_id = None if is_staff(caller) else caller.id
    is_known = await reaches_back_to(reader, then)
    rows, now = await changes_since(reader, then, MAX_CHANGES + 1, customer_id)
    if not is_known or len(rows) > MAX_CHANGES:
        return api.Changes(changes=[], everything=True, as_of=now)
    hints = [hint(row, for_staff=is_staff(caller)) for row in rows]
    return api.Changes(changes=hints, everything=False, as_of=now)


async def reaches_back_to(reader: Reader, then: Snapshot) -> bool:
    """Whether all changes since then are still stored, in this very database.

    The oldest stored change marks the end of what was deleted: if it was visible then, so was
    everything deleted, which is a day old while transactions last seconds.
    """
    following = cast(func.pg_snapshot_xmax(func.pg_current_snapshot()), String)
    oldest = (
        select(Change.position, was_seen(then).label("was_seen"))
        .order_by(Change.transaction, Change.position)
        .limit(1)
        .subquery()
    )
    now = select(following.label("next")).subquery()
    answer = await reader.execute(
        select(now.c.next, oldest.c.position, oldest.c.was_seen)
        .select_from(now)
        .join(oldest, true(), isouter=True)
    )
    known = answer.one()
    is_of_this_database = then.next <= int(known.next)
    return is_of_this_database and (known.position in (None, FIRST) or known.was_seen)


def was_seen(then: Snapshot) -> ColumnElement[bool]:
    transaction = literal_column("changes.transaction::text::xid8")
    return func.pg_visible_in_snapshot(transaction, cast(literal(then.text), PgSnapshot))


def hint(row: Any, *, for_staff: bool) -> api.Change:
    return api.Change(
        number=row.number,
        what=row.what,
        by_staff=row.by_staff,
        version=row.version if for_staff else row.visible_version,
    )
