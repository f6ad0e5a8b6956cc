"""Mails with their reasons, and copies of the people and requests they are about."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.data.database import Mapping, metadata
from contracts.identity.roles import Role
from contracts.notifications.api import Kind, State


class Base(Mapping, DeclarativeBase):
    metadata = metadata()


TO_STAFF = (Kind.NEW_REQUEST, Kind.CUSTOMER_ANSWER)
ON_TICKETS = (Kind.REPLY, Kind.RESOLVED, Kind.ACKNOWLEDGEMENT, *TO_STAFF)
WITH_LINK = (Kind.PASSWORD_LINK, Kind.INVITATION, Kind.EMAIL_LINK, Kind.EMAIL_ASKED)
ABOUT_SECURITY = (
    Kind.PASSWORD_CHANGED,
    Kind.FIRST_PASSWORD,
    Kind.EMAIL_CHANGED,
)  # also sent to disabled accounts


# --- Who and what -----------------------------------------------------------------------------


class Person(Base):
    """A customer or staff member, as in identity's last event."""

    __tablename__ = "people"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    role: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str]
    enabled: Mapped[bool]
    changed_at: Mapped[datetime | None] = mapped_column(default=None)
    language: Mapped[str | None] = mapped_column(default=None)

    @property
    def is_customer(self) -> bool:
        return self.role == Role.CUSTOMER

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Preferences(Base):
    """Which mails a person wants; no row means the defaults.

    Mails that staff must ask for are stored as a time: events before it are not notified.
    """

    __tablename__ = "preferences"

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    # Chosen here before identity knew it; counts until the person chooses again.
    language: Mapped[str | None] = mapped_column(default=None)
    replies: Mapped[bool] = mapped_column(default=True)
    resolutions: Mapped[bool] = mapped_column(default=True)
    acknowledgements: Mapped[bool] = mapped_column(default=True)
    new_requests_since: Mapped[datetime | None] = mapped_column(default=None)
    customer_answers_since: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def new_requests(self) -> bool:
        return self.new_requests_since is not None

    @property
    def customer_answers(self) -> bool:
        return self.customer_answers_since is not None

    def wants(self, kind: Kind) -> bool:
        return {
            Kind.REPLY: self.replies,
            Kind.RESOLVED: self.resolutions,
            Kind.ACKNOWLEDGEMENT: self.acknowledgements,
            Kind.NEW_REQUEST: self.new_requests,
            Kind.CUSTOMER_ANSWER: self.customer_answers,
        }.get(kind, True)

    def change(self, name: str, wanted: bool, *, at: datetime) -> None:
        if name in {"replies", "resolutions", "acknowledgements"}:
            setattr(self, name, wanted)
        elif not wanted:
            setattr(self, f"{name}_since", None)
        elif not getattr(self, name):
            setattr(self, f"{name}_since", at)


# The kinds that can be unsubscribed from, and their columns in Preferences.
PREFERENCE_NAMES = {
    Kind.REPLY: "replies",
    Kind.RESOLVED: "resolutions",
    Kind.ACKNOWLEDGEMENT: "acknowledgements",
    Kind.NEW_REQUEST: "new_requests",
    Kind.CUSTOMER_ANSWER: "customer_answers",
}


class Ticket(Base):
    """What mail needs of a request: who wrote last, as versions of the request.

    `designation` is None until its TicketOpened has arrived.
    """

    __tablename__ = "tickets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(index=True)
    customer_id: Mapped[UUID]
    reference: Mapped[str | None] = mapped_column(default=None)
    designation: Mapped[str | None] = mapped_column(default=None)
    customer_version: Mapped[int] = mapped_column(default=0)
    staff_version: Mapped[int] = mapped_column(default=0)
    resolved_by: Mapped[UUID | None] = mapped_column(default=None)

    @property
    def resolved(self) -> bool:
        return self.resolved_by is not None

    @property
    def resolved_by_customer(self) -> bool:
        return self.resolved_by == self.customer_id


class Buyer(Base):
    """A customer with at least one purchase."""

    __tablename__ = "buyers"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    first_sale_id: Mapped[UUID]
    first_bought_at: Mapped[datetime]


TOO_OLD = "too old when it was heard of"  # stored as the error of mails that were never tried

# --- The queue --------------------------------------------------------------------------------


class Mail(Base):
    """One mail to one person.

    `wanted_at` is when it should have been sent, `due_at` when it is tried next. A worker holds it
    by `claim` until `claimed_until`; after that the worker is taken for dead.
    """

    __tablename__ = "mails"
    __table_args__ = (
        Index("ix_mails_waiting", "due_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_mails_failed", "changed_at", "id", postgresql_where=text("state = 'failed'")),
        Index("ix_mails_of_ticket", "ticket_id", "person_id"),
        Index("ix_mails_tried", "tried_at"),
        Index("ix_mails_settled", "changed_at", postgresql_where=text("state <> 'waiting'")),
        CheckConstraint("state IN ('waiting', 'sent', 'failed', 'dropped')", name="state"),
        CheckConstraint("(claim IS NULL) = (claimed_until IS NULL)", name="claim"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    person_id: Mapped[UUID]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    wanted_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default=State.WAITING)
    ticket_id: Mapped[UUID | None] = mapped_column(default=None)
    link_id: Mapped[UUID | None] = mapped_column(default=None)
    link_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    fixed_email: Mapped[str | None] = mapped_column(default=None)
    sent_to: Mapped[str | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(default=0)
    waits: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None] = mapped_column(default=None)
    last_error: Mapped[str | None] = mapped_column(default=None)
    claim: Mapped[UUID | None] = mapped_column(default=None)
    claimed_until: Mapped[datetime | None] = mapped_column(default=None)

    def release(self, state: State, *, at: datetime, due_at: datetime | None = None) -> None:
        """End an attempt: with the outcome, or the time of the next one."""
        self.state, self.changed_at = state, at
        self.due_at = due_at or self.due_at
        self.claim = self.claimed_until = None

    def undo_attempt(self) -> None:
        """Undo the attempt, which never reached the mail server: it must not count for the rate."""
        self.attempts -= 1
        self.tried_at = None

    def resend(self, *, at: datetime) -> None:
        """Start again, as if it were new."""
        self.attempts = self.waits = 0
        self.wanted_at, self.last_error = at, None
        self.release(State.WAITING, at=at, due_at=at)


class Reason(Base):
    """An event that a mail is about; the key makes it at most one mail per person and event.

    `event_key` is derived from the event's content: a replay with new event ids changes nothing.
    """

    __tablename__ = "reasons"
    __table_args__ = (Index("ix_reasons_of_mail", "mail_id"),)

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_key: Mapped[UUID] = mapped_column(primary_key=True)
    mail_id: Mapped[UUID] = mapped_column(
        ForeignKey("mails.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED")
    )
    happened_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=0)
    message_id: Mapped[UUID | None] = mapped_column(default=None)
    author_id: Mapped[UUID | None] = mapped_column(default=None)


class Verdict(Enum):
    """Whether a mail that is due can be sent."""

    READY = "ready"
    INCOMPLETE = "incomplete"  # an event that it needs has not arrived yet
    OBSOLETE = "obsolete"  # no reason left to send it


@dataclass(frozen=True)
class Due:
    """A mail with everything about it, as of its attempt."""

    mail: Mail
    person: Person | None
    preferences: Preferences
    ticket: Ticket | None
    reasons: tuple[Reason, ...]
    authors: dict[UUID, Person]

    @property
    def kind(self) -> Kind:
        return Kind(self.mail.kind)

    @property
    def language(self) -> str | None:
        """None where the person has chosen none."""
        chosen = self.person.language if self.person else None
        return chosen or self.preferences.language

    @property
    def author_ids(self) -> list[UUID]:
        """Each once, in the order in which they wrote."""
        return list(dict.fromkeys(r.author_id for r in self.reasons if r.author_id))

    @property
    def message_ids(self) -> list[UUID]:
        return [reason.message_id for reason in self.reasons if reason.message_id]

    @property
    def email(self) -> str:
        return self.mail.fixed_email or (self.person.email if self.person else "")

    def verdict(self, at: datetime) -> Verdict:
        if self.is_obsolete(at):
            return Verdict.OBSOLETE
        return Verdict.READY if self.is_complete() else Verdict.INCOMPLETE

    def is_complete(self) -> bool:
        if self.kind in WITH_LINK:
            return True  # identity sends the rest with the secret
        if self.person is None:
            return False
        if self.kind in ON_TICKETS and (self.ticket is None or self.ticket.designation is None):
            return False
        return all(author in self.authors for author in self.author_ids)

    def is_obsolete(self, at: datetime) -> bool:
        if not self.preferences.wants(self.kind):
            return True
        if self.mail.link_expires_at is not None and self.mail.link_expires_at <= at:
            return True
        if self.person is not None and self.is_not_meant_for(self.person):
            return True
        return self.ticket is not None and self.is_superseded(self.ticket)

    def is_not_meant_for(self, person: Person) -> bool:
        if self.kind in TO_STAFF and person.is_customer:
            return True
        return not person.enabled and self.kind not in ABOUT_SECURITY

    def is_superseded(self, ticket: Ticket) -> bool:
        """Answered or resolved before the mail went."""
        last = max((reason.version for reason in self.reasons), default=0)
        if self.kind == Kind.REPLY:
            # The mail on the resolution covers the answer, too, if they want that mail.
            covered = ticket.resolved_by_customer or (
                ticket.resolved and self.preferences.resolutions
            )
            return covered or ticket.customer_version > last
        if self.kind in {Kind.NEW_REQUEST, Kind.ACKNOWLEDGEMENT}:
            return ticket.resolved or ticket.staff_version > 0
        if self.kind == Kind.CUSTOMER_ANSWER:
            return ticket.resolved or ticket.staff_version > last
        return False
