"""Queues mails: one per person and event, or one for several events on one request."""

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
from chassis.data.writing import reader_of, run_later, wake_later
from chassis.messaging.bus.handling import STORED_AT
from contracts.notifications.api import Kind, State
from notifications.models import TOO_OLD, Mail, Preferences
from notifications.settings import LONGEST_POLL

log = structlog.get_logger("mail")

KEY_NAMESPACE = uuid5(NAMESPACE_URL, "guichet:notifications")
WORKERS = "mail workers"  # what waits for mail, by the name that wakes it
LOOKS = timedelta(seconds=LONGEST_POLL)  # at the latest, without being woken


def key_of(*parts: object) -> UUID:
    """The same key for the same event, also when it is published again with another id."""
    return uuid5(KEY_NAMESPACE, "/".join(map(str, parts)))


@dataclass(frozen=True)
class Notification:
    """An event that may lead to a mail, and the kind of that mail."""

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
class Rules:
    """From the settings: how long answers are gathered, the oldest event that still gets a mail,
    and for how long sent mails are remembered.
    """

    gather: timedelta
    max_age: timedelta
    retention: timedelta

    def is_too_old(self, notification: Notification) -> bool:
        return clock.now() - notification.at > self.max_age

    def arrived_late(self, notification: Notification, stored_at: datetime | None) -> bool:
        """The event is old but new in its stream: a clock was wrong or it was held up.

        An event that is replayed from an old stream is old there as well.
        """
        now = clock.now()
        if stored_at is None or now - stored_at > self.max_age:
            return False
        return now - notification.at < self.retention


def capped(notification: Notification) -> Notification:
    """A time in the future, from another machine's clock, becomes now."""
    return replace(notification, at=min(notification.at, clock.now()))


REASON = """
    INSERT INTO reasons (person_id, event_key, mail_id, happened_at, version, message_id, author_id)
    VALUES (:person_id, :event_key, :mail_id, :at, :version, :message_id, :author_id)
    ON CONFLICT DO NOTHING RETURNING mail_id
"""
ADD_REASON = text(REASON)
# No mail for an event that this person already has a reason of.
ADD_MAIL = text(f"""
    WITH reason AS ({REASON})
    INSERT INTO mails (id, kind, person_id, created_at, changed_at, wanted_at, due_at, state,
        attempts, waits, ticket_id, link_id, link_expires_at, fixed_email, last_error)
    SELECT mail_id, :kind, :person_id, :now, :now, :due, :due, :state,
        0, 0, :ticket_id, :link_id, :link_expires_at, :fixed_email, :last_error FROM reason
    RETURNING id
""")  # noqa: S608 - a constant


async def notify(
    session: AsyncSession, person_id: UUID, notification: Notification, rules: Rules
) -> None:
    """Queue a mail, or add to one that waits. Idempotent; old events are ignored.

    An event that only arrived late makes a failed mail, which staff can see and send.
    """
    notification = capped(notification)
    is_late = rules.is_too_old(notification)
    if is_late and not rules.arrived_late(notification, session.info.get(STORED_AT)):
        return
    reader = await reader_of(session)
    waiting = None if is_late else await waiting_mail(reader, person_id, notification)
    due = notification.at + (rules.gather if is_gathered(notification.kind) else timedelta(0))
    now = clock.now()
    values: dict[str, Any] = {
        "mail_id": waiting or new_id(),
        "person_id": person_id,
        "event_key": notification.key,
        "at": notification.at,
        "version": notification.version,
        "message_id": notification.message_id,
        "author_id": notification.author_id,
    }
    if waiting:
        run_later(session, ADD_REASON, values)
        return
    values |= {
        "kind": notification.kind,
        "now": now,
        "due": due,
        "ticket_id": notification.ticket_id,
        "link_id": notification.link_id,
        "link_expires_at": notification.link_expires_at,
        "fixed_email": notification.fixed_email,
        "state": State.FAILED if is_late else State.WAITING,
        "last_error": TOO_OLD if is_late else None,
    }
    if due - now < LOOKS:
        wake_later(session, WORKERS)
    if not is_late:
        run_later(session, ADD_MAIL, values)
    elif await reader.execute(ADD_MAIL, values):
        log.warning(
            "mail_too_old",
            kind=notification.kind,
            seconds=round((now - notification.at).total_seconds()),
        )


async def notify_staff(session: AsyncSession, notification: Notification, rules: Rules) -> None:
    """Every staff member whose preferences wanted such mails before it happened."""
    notification = capped(notification)
    if rules.is_too_old(notification) and not rules.arrived_late(
        notification, session.info.get(STORED_AT)
    ):
        return
    reader = await reader_of(session)
    for person_id in await reader.scalars(SUBSCRIBERS[notification.kind], {"at": notification.at}):
        await notify(session, person_id, notification, rules)


SUBSCRIBERS = {
    kind: select(Preferences.person_id)
    .where(since <= bindparam("at"))
    .order_by(Preferences.person_id)
    for kind, since in (
        (Kind.NEW_REQUEST, Preferences.new_requests_since),
        (Kind.CUSTOMER_ANSWER, Preferences.customer_answers_since),
    )
}


def is_gathered(kind: Kind) -> bool:
    return kind in {Kind.REPLY, Kind.CUSTOMER_ANSWER}


WAITING_MAIL = (
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


async def waiting_mail(reader: Reader, person_id: UUID, notification: Notification) -> UUID | None:
    """A mail of this kind on this request that no worker has claimed yet; locked."""
    if not is_gathered(notification.kind):
        return None
    values = {
        "person_id": person_id,
        "ticket_id": notification.ticket_id,
        "kind": notification.kind,
    }
    return await reader.scalar(WAITING_MAIL, values)
