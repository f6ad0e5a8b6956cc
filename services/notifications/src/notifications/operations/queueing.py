"""Which mail is to tell whom of what has happened."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import new_id
from chassis.data.reading import Reader
from chassis.data.writing import straight
from chassis.messaging.bus.handling import STORED_AT
from contracts.notifications.api import Kind, State
from notifications.models import TOO_OLD, Mail, Wishes

log = structlog.get_logger("mail")

KEYS = uuid5(NAMESPACE_URL, "guichet:notifications")


def key_of(*parts: object) -> UUID:
    """The same for the same event, under whatever envelope it comes."""
    return uuid5(KEYS, "/".join(map(str, parts)))


@dataclass(frozen=True)
class News:
    """What has happened, and by what kind of mail it is told."""

    kind: Kind
    key: UUID
    at: datetime
    ticket_id: UUID | None = None
    version: int = 0
    message_id: UUID | None = None
    author_id: UUID | None = None
    link_id: UUID | None = None
    link_expires_at: datetime | None = None
    fixed_email: str | None = None


@dataclass(frozen=True)
class Timing:
    """How long answers are gathered, how old news may be, how long is known what was told."""

    gather: timedelta
    oldest: timedelta
    remembered: timedelta

    def is_too_old(self, news: News) -> bool:
        return clock.now() - news.at > self.oldest

    def came_late(self, news: News, stored_at: datetime | None) -> bool:
        """It is new in its stream and says that it happened long ago: some clock was wrong, or it
        was held up. What a stream tells again from its beginning is as old there.
        """
        now = clock.now()
        if stored_at is None or now - stored_at > self.oldest:
            return False
        return now - news.at < self.remembered


def capped(news: News) -> News:
    """Nothing has happened later than now, whatever the clock said where it did."""
    return replace(news, at=min(news.at, clock.now()))


REASON = """
    INSERT INTO reasons (person_id, event_key, mail_id, happened_at, version, message_id, author_id)
    VALUES (:person_id, :event_key, :mail_id, :at, :version, :message_id, :author_id)
    ON CONFLICT DO NOTHING RETURNING mail_id
"""
ONE_REASON_MORE = text(REASON)
# A mail only for what this person has not been told before.
REASON_AND_MAIL = text(f"""
    WITH reason AS ({REASON})
    INSERT INTO mails (id, kind, person_id, created_at, changed_at, wanted_at, due_at, state,
        attempts, waits, ticket_id, link_id, link_expires_at, fixed_email, last_error)
    SELECT mail_id, :kind, :person_id, :now, :now, :due, :due, :state,
        0, 0, :ticket_id, :link_id, :link_expires_at, :fixed_email, :last_error FROM reason
    RETURNING id
""")  # noqa: S608 - a constant


async def notify(session: AsyncSession, person_id: UUID, news: News, timing: Timing) -> None:
    """Queue a mail, or have one that waits tell this too; never twice, and nothing old.

    What only came late is kept, unsent, for staff to see and to send.
    """
    news = capped(news)
    is_late = timing.is_too_old(news)
    if is_late and not timing.came_late(news, session.info.get(STORED_AT)):
        return
    reader = await straight(session)
    waiting = None if is_late else await gathering(reader, person_id, news)
    due = news.at + (timing.gather if is_gathered(news.kind) else timedelta(0))
    now = clock.now()
    values: dict[str, Any] = {
        "mail_id": waiting or new_id(),
        "person_id": person_id,
        "event_key": news.key,
        "at": news.at,
        "version": news.version,
        "message_id": news.message_id,
        "author_id": news.author_id,
    }
    if waiting:
        await reader.execute(ONE_REASON_MORE, values)
        return
    values |= {
        "kind": news.kind,
        "now": now,
        "due": due,
        "ticket_id": news.ticket_id,
        "link_id": news.link_id,
        "link_expires_at": news.link_expires_at,
        "fixed_email": news.fixed_email,
        "state": State.FAILED if is_late else State.WAITING,
        "last_error": TOO_OLD if is_late else None,
    }
    is_new = bool(await reader.execute(REASON_AND_MAIL, values))
    if is_new and is_late:
        log.warning("mail_too_old", kind=news.kind, seconds=round((now - news.at).total_seconds()))


async def notify_staff(session: AsyncSession, news: News, timing: Timing) -> None:
    """All who have asked for such mails, before it happened."""
    news = capped(news)
    if timing.is_too_old(news) and not timing.came_late(news, session.info.get(STORED_AT)):
        return
    reader = await straight(session)
    for person_id in await reader.scalars(WANTING[news.kind], {"at": news.at}):
        await notify(session, person_id, news, timing)


WANTING = {
    kind: select(Wishes.person_id).where(since <= bindparam("at")).order_by(Wishes.person_id)
    for kind, since in (
        (Kind.NEW_REQUEST, Wishes.new_requests_since),
        (Kind.CUSTOMER_ANSWER, Wishes.customer_answers_since),
    )
}


def is_gathered(kind: Kind) -> bool:
    return kind in {Kind.REPLY, Kind.CUSTOMER_ANSWER}


GATHERING = (
    select(Mail.id)
    .where(
        Mail.person_id == bindparam("person_id"),
        Mail.ticket_id == bindparam("ticket_id"),
        Mail.kind == bindparam("kind"),
        Mail.state == State.WAITING,
        Mail.attempts == 0,
        Mail.claim.is_(None),
    )
    .order_by(Mail.id)
    .limit(1)
    .with_for_update()
)


async def gathering(reader: Reader, person_id: UUID, news: News) -> UUID | None:
    """A mail of this kind on this request that nobody has tried yet; locked."""
    if not is_gathered(news.kind):
        return None
    values = {"person_id": person_id, "ticket_id": news.ticket_id, "kind": news.kind}
    return await reader.scalar(GATHERING, values)
