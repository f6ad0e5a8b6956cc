"""Deletes old rows: in small batches, by one replica at a time."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from chassis.data.database import Database
from chassis.messaging.outbox import SCHEMA, SETTLING, position_settled
from chassis.settings import ServiceSettings
from contracts.event import Event
from contracts.topology import LISTENINGS, stream_name

LOCK = 0xF06E7
BATCH = 1_000
PAUSE_SECONDS = 0.05  # between two batches, so that other work gets the disk
KEYS_LAST = timedelta(days=8)  # longer than a sale's draft; a request's goes when it is sent

# Ids of events are made in the order of time: those before a moment lie together in their index.
BEFORE = "event_id < cast(lpad(to_hex(cast(extract(epoch FROM now() - {age}) * 1000 AS bigint)), 12, '0') || repeat('0', 20) AS uuid)"


@dataclass(frozen=True)
class Prunable:
    """Rows of a table that may be deleted, and the column in whose order they are."""

    table: str
    where: str
    order: str
    values: dict[str, Any] = field(default_factory=dict)


class AlreadyPruning(Exception):
    """Another replica is already deleting."""


async def prune(database: Database, prunable: Prunable, *, batch: int = BATCH) -> int:
    """Delete them; returns how many there were. Raises `AlreadyPruning`."""
    delete = text(f"""
        DELETE FROM {prunable.table} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {prunable.table} WHERE {prunable.where}
            ORDER BY {prunable.order} LIMIT :batch FOR UPDATE SKIP LOCKED))
        RETURNING 1
    """)  # noqa: S608 - our own words
    gone = 0
    while True:
        async with database.transaction() as session:
            ours = text("SELECT pg_try_advisory_xact_lock(:lock)")
            if not await session.scalar(ours, {"lock": LOCK}):
                raise AlreadyPruning
            went = len((await session.execute(delete, {"batch": batch, **prunable.values})).all())
        gone += went
        if went < batch:
            return gone
        await asyncio.sleep(PAUSE_SECONDS)


async def prune_all(database: Database, all_prunable: Iterable[Prunable]) -> str:
    """Returns what was done, in a few words."""
    try:
        gone = [await prune(database, prunable) for prunable in all_prunable]
    except AlreadyPruning:
        return "left it to another replica"
    return f"forgot {sum(gone)} rows"


async def of_messaging(database: Database, settings: ServiceSettings) -> list[Prunable]:
    """Old rows of the messaging tables.

    From the outbox what is stored in the stream; from the inbox what lies far enough behind, so
    that the position for a durable that must be created again stays known.
    """
    days = {"days": settings.events_keep_days}
    sent = f"{BEFORE} AND published_at < now() - {{age}}"
    outbox = Prunable(
        f"{SCHEMA}.outbox", aged(sent, "make_interval(days => :days)"), "event_id", days
    )
    personal = Prunable(
        f"{SCHEMA}.outbox",
        aged(f"{sent} AND type = ANY(:types)", "make_interval(hours => :hours)"),
        "event_id",
        {
            "hours": settings.events_personal_hours,
            "types": [kind.type for kind in Event.by_type.values() if kind.personal] or [""],
        },
    )
    keys = Prunable(
        f"{SCHEMA}.idempotency_keys", "made_at < now() - :kept", "made_at", {"kept": KEYS_LAST}
    )
    inbox = [
        await inbox_of(database, settings.service, stream_name(each.to), days)
        for each in LISTENINGS
        if each.service == settings.service
    ]
    return [outbox, personal, keys, *inbox]


async def inbox_of(
    database: Database, consumer: str, stream: str, days: dict[str, int]
) -> Prunable:
    """Old inbox rows of one stream; positions of a lost stream do not count for the new one."""
    async with database.transaction() as session:
        settled = await position_settled(session, consumer, stream)
    handled = f"""
        {BEFORE} AND handled_at < now() - {{age}}
        AND consumer = :consumer AND stream = :stream AND (position < :settled OR handled_at <= (
            SELECT lost_at FROM {SCHEMA}.streams WHERE name = :stream))
        AND handled_at < (SELECT max(handled_at) - interval '{SETTLING}' FROM {SCHEMA}.inbox
            WHERE consumer = :consumer AND stream = :stream)
    """  # noqa: S608 - constants
    values = {"consumer": consumer, "stream": stream, "settled": settled, **days}
    age = "make_interval(days => :days)"
    return Prunable(f"{SCHEMA}.inbox", aged(handled, age), "event_id", values)


def aged(where: str, age: str) -> str:
    return where.format(age=age)
