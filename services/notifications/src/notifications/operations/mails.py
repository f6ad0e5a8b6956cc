"""The life of a queued mail: claimed by a worker, sent, retried, failed or dropped."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data import writing
from chassis.data.reading import Part, Reader, Rows
from chassis.data.writing import reader_of, wake_later
from chassis.errors import Refusal
from chassis.pruning import Prunable
from contracts.notifications.api import Kind, State
from notifications import queries
from notifications.models import Due, Mail, Reason, Verdict
from notifications.operations.queueing import WORKERS
from notifications.words import one_line

PACE_LOCK = 0x3A11  # taken before attempts of the last minute are counted, across all processes
LONGEST_PAUSE = timedelta(minutes=5)
ERROR_LENGTH = 500


class MailNotResendable(Refusal):
    code = "mail_not_resendable"


async def now(session: AsyncSession) -> datetime:
    """The database's clock: replicas may have others."""
    return await (await reader_of(session)).scalar(NOW)


NOW = select(func.clock_timestamp())

# The columns in which a mail changes: the methods of `Mail` write no others.
CHANGEABLE = (
    "changed_at",
    "wanted_at",
    "due_at",
    "state",
    "sent_to",
    "attempts",
    "waits",
    "tried_at",
    "last_error",
    "claim",
    "claimed_until",
)


def store_later(session: AsyncSession, mail: Mail) -> None:
    """Store the state of a mail that is claimed and locked."""
    writing.store_later(session, mail, CHANGEABLE)


# --- Claiming ---------------------------------------------------------------------------------


async def claim(session: AsyncSession, *, lease: timedelta, per_minute: int) -> Mail | None:
    """A mail that is due, ours until the lease ends; None if none is due or the rate is reached.

    Links come first: somebody is waiting for one in front of a screen. The mail is not the
    session's: `store_later` stores what has changed.
    """
    values = {"claim": uuid4(), "lease": lease, "per_minute": per_minute}
    reader = await reader_of(session)
    _, claimed = await reader.together(Part(CLAIM_LOCK, {}), Part(CLAIMED, values))
    return mail_of(claimed)


def mail_of(rows: Rows) -> Mail | None:
    row = rows.one_or_none()
    return None if row is None else Mail(**row._asdict())


CLAIM_LOCK = select(func.pg_advisory_xact_lock(PACE_LOCK))
# By name: a replica of the old version still works once an update has added a column.
COLUMNS = ", ".join(f"mails.{column.name}" for column in Mail.__table__.columns)
CLAIMED = text(f"""
    WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS at),
    tried AS (
        SELECT count(*) AS many FROM mails, clock WHERE tried_at > at - interval '1 minute'
    ),
    next AS (
        SELECT id FROM mails, clock
        WHERE state = 'waiting' AND due_at <= at
            AND (claimed_until IS NULL OR claimed_until < at)
            AND (SELECT many FROM tried) < :per_minute
        ORDER BY link_id IS NULL, due_at, id LIMIT 1
        FOR UPDATE OF mails SKIP LOCKED
    )
    UPDATE mails SET claim = :claim, claimed_until = at + CAST(:lease AS interval),
        attempts = attempts + 1, tried_at = at
    FROM next, clock WHERE mails.id = next.id RETURNING {COLUMNS}
""")  # noqa: S608 - a constant

# Of the last minute as many attempts are read as may be made, no more.
DUE = text("""
    SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 AS due_in,
        (SELECT count(*) FROM (
            SELECT FROM mails WHERE tried_at > statement_timestamp() - interval '1 minute'
            LIMIT :per_minute
        ) AS tried) >= :per_minute AS is_paced
    FROM mails
    WHERE state = 'waiting' AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
""")


class Waiting(NamedTuple):
    """Whether it is worth a transaction to claim a mail.

    `due_in`: seconds until one is due, None if none waits. `is_paced`: no further one may go now.
    """

    due_in: float | None
    is_paced: bool


async def waiting(reader: Reader, *, per_minute: int) -> Waiting:
    return Waiting(*(await reader.execute(DUE, {"per_minute": per_minute})).one())


async def take(
    session: AsyncSession, *, lease: timedelta, per_minute: int, max_wait: timedelta
) -> tuple[Due, Verdict] | None:
    """Claim the next mail and decide whether it goes now; if not, postpone or drop it here."""
    mail = await claim(session, lease=lease, per_minute=per_minute)
    if mail is None or (at := mail.tried_at) is None:
        return None
    due = await queries.due(session, mail)
    verdict = due.verdict(at)
    if verdict is Verdict.OBSOLETE:
        await drop(session, due, at=at)
    elif verdict is Verdict.INCOMPLETE:
        postpone(mail, at=at, max_wait=max_wait)
    elif due.kind == Kind.RESOLVED and await absorb_reply(session, mail, at=at):
        due = await queries.due(session, mail)
        if (verdict := due.verdict(at)) is Verdict.INCOMPLETE:
            postpone(mail, at=at, max_wait=max_wait)
    if verdict is not Verdict.READY:
        store_later(session, mail)
    return due, verdict


async def drop(session: AsyncSession, due: Due, *, at: datetime) -> None:
    """There is no reason left to send it. A mail on the resolution takes over its reasons."""
    due.mail.undo_attempt()
    due.mail.release(State.DROPPED, at=at)
    if due.kind == Kind.REPLY and due.ticket is not None and due.ticket.resolved:
        resolution = await session.scalar(
            select(Mail.id)
            .where(
                Mail.person_id == due.mail.person_id,
                Mail.ticket_id == due.mail.ticket_id,
                Mail.kind == Kind.RESOLVED,
            )
            .limit(1)
        )
        if resolution is not None:
            await move_reasons(session, due.mail.id, resolution)


async def absorb_reply(session: AsyncSession, resolution: Mail, *, at: datetime) -> bool:
    """Merge a waiting mail on a reply into the one on the resolution; whether there was one."""
    waiting = await session.scalars(
        select(Mail)
        .where(
            Mail.person_id == resolution.person_id,
            Mail.ticket_id == resolution.ticket_id,
            Mail.kind == Kind.REPLY,
            Mail.state == State.WAITING,
            Mail.claim.is_(None),
        )
        .with_for_update()
    )
    replies = waiting.all()
    for reply in replies:
        reply.release(State.DROPPED, at=at)
        await move_reasons(session, reply.id, resolution.id)
    return bool(replies)


async def move_reasons(session: AsyncSession, mail_id: UUID, to: UUID) -> None:
    await session.execute(
        update(Reason)
        .where(Reason.mail_id == mail_id)
        .values(mail_id=to)
        .execution_options(synchronize_session=False)
    )


def postpone(mail: Mail, *, at: datetime, max_wait: timedelta) -> None:
    """An event that it needs has not arrived: wait for it, longer each time, for `max_wait` at most."""
    mail.undo_attempt()
    mail.waits += 1
    if at - mail.wanted_at > max_wait:
        mail.last_error = "an event that this mail needs has never arrived"
        mail.release(State.FAILED, at=at)
    else:
        pause = min(timedelta(seconds=2 ** min(mail.waits - 1, 10)), LONGEST_PAUSE)
        mail.release(State.WAITING, at=at, due_at=at + pause)


# --- Outcome ----------------------------------------------------------------------------------


# By name, as `COLUMNS`. The time is read once the mail is locked.
STILL_CLAIMED = text(f"""
    SELECT {COLUMNS} FROM mails WHERE id = :mail_id AND claim = :claim FOR UPDATE
""")  # noqa: S608 - a constant


async def still_claimed(
    session: AsyncSession, mail_id: UUID, claim: UUID | None
) -> tuple[Mail | None, datetime]:
    """The mail, unless its lease ended and another worker has claimed it; and the time.

    The mail is not the session's: `store_later` stores what has changed.
    """
    found, time = await (await reader_of(session)).together(
        Part(STILL_CLAIMED, {"mail_id": mail_id, "claim": claim}), Part(NOW, {})
    )
    return mail_of(found), time.scalar_one()


def mark_sent(mail: Mail, at: datetime, *, to: str) -> None:
    mail.sent_to, mail.last_error = to, None
    mail.release(State.SENT, at=at)


def mark_failed(mail: Mail, at: datetime, *, to: str, response: str) -> None:
    """Permanently: another attempt would be refused as well."""
    mail.sent_to, mail.last_error = to, error_of(response)
    mail.release(State.FAILED, at=at)


def schedule_retry(
    mail: Mail, at: datetime, *, to: str, response: str, pauses: tuple[float, ...]
) -> State:
    """Wait for the next pause; after the last pause the mail has failed."""
    mail.sent_to, mail.last_error = to, error_of(response)
    if mail.attempts > len(pauses):
        mail.release(State.FAILED, at=at)
    else:
        pause = timedelta(seconds=pauses[mail.attempts - 1])
        mail.release(State.WAITING, at=at, due_at=at + pause)
    return State(mail.state)


def mark_dropped(mail: Mail, at: datetime) -> None:
    mail.undo_attempt()
    mail.release(State.DROPPED, at=at)


def error_of(response: str) -> str:
    """The answer of a mail server as it is stored: without NUL, and cut to a length."""
    return one_line(response)[:ERROR_LENGTH]


# --- Sending again, pruning -------------------------------------------------------------------


async def resend(session: AsyncSession, mail_id: UUID) -> Mail:
    """Queue a failed mail again, to the person's address of today. Idempotent."""
    mail = await queries.mail_to_change(session, mail_id)
    if mail.state in {State.WAITING, State.SENT}:
        return mail
    at = await now(session)
    due = await queries.due(session, mail)
    if mail.state == State.DROPPED or due.is_obsolete(at):
        raise MailNotResendable("this mail has no reason left")
    mail.resend(at=at)
    await session.flush()
    wake_later(session, WORKERS)
    return mail


def prunable(keep_days: float, oldest_hours: float) -> Prunable:
    """Mails that are done, and the addresses in them, may be deleted after `keep_days`.

    Never so early that a replay of events could queue one again.
    """
    after = max(timedelta(days=keep_days), 2 * timedelta(hours=oldest_hours))
    return Prunable(
        "mails",
        "state <> 'waiting' AND changed_at < now() - :after",
        "changed_at",
        {"after": after},
    )
