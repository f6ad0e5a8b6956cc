"""Mails with their reasons, and what must be known of people and requests to send them."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.data.database import Mapping, metadata
from contracts.identity.roles import Role
from contracts.notifications.api import Kind, Language, State


class Base(Mapping, DeclarativeBase):
    metadata = metadata()


TO_STAFF = (Kind.NEW_REQUEST, Kind.CUSTOMER_ANSWER)
ON_TICKETS = (Kind.REPLY, Kind.RESOLVED, Kind.ACKNOWLEDGEMENT, *TO_STAFF)
WITH_LINK = (Kind.PASSWORD_LINK, Kind.INVITATION, Kind.EMAIL_LINK, Kind.EMAIL_ASKED)
ABOUT_SAFETY = (
    Kind.PASSWORD_CHANGED,
    Kind.FIRST_PASSWORD,
    Kind.EMAIL_CHANGED,
)  # told to whoever may not sign in, too


# --- Who and what -----------------------------------------------------------------------------


class Person(Base):
    """A customer or staff member as identity last told of them."""

    __tablename__ = "people"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    role: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str]
    enabled: Mapped[bool]
    changed_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def is_customer(self) -> bool:
        return self.role == Role.CUSTOMER

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Wishes(Base):
    """What a person wants to be told by mail; who has said nothing has no row.

    What staff must ask for is kept as the moment since when: what happened before stays untold.
    """

    __tablename__ = "preferences"

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(default=Language.FRENCH)
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


# What can be unsubscribed from, by the name of its wish.
WISHES = {
    Kind.REPLY: "replies",
    Kind.RESOLVED: "resolutions",
    Kind.ACKNOWLEDGEMENT: "acknowledgements",
    Kind.NEW_REQUEST: "new_requests",
    Kind.CUSTOMER_ANSWER: "customer_answers",
}


class Ticket(Base):
    """A request as far as mail needs it: who spoke last, by the request's own versions.

    `designation` is None until its opening is heard of.
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
    """A customer who has bought something before."""

    __tablename__ = "buyers"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    first_sale_id: Mapped[UUID]
    first_bought_at: Mapped[datetime]


TOO_OLD = "too old when it was heard of"  # why a mail was never tried

# --- The queue --------------------------------------------------------------------------------


class Mail(Base):
    """One mail to one person.

    `wanted_at` is when its time came, `due_at` when it is tried next. Whoever tries it holds it by
    `claim` until `claimed_until`: after that it was lost with its worker, and is another's.
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
        """End a try: with what became of the mail, or when it is tried again."""
        self.state, self.changed_at = state, at
        self.due_at = due_at or self.due_at
        self.claim = self.claimed_until = None

    def forget_try(self) -> None:
        """It never came to the mail server: this neither counts nor uses up the pace."""
        self.attempts -= 1
        self.tried_at = None

    def resend(self, *, at: datetime) -> None:
        """Once more, as if it were new."""
        self.attempts = self.waits = 0
        self.wanted_at, self.last_error = at, None
        self.release(State.WAITING, at=at, due_at=at)


class Reason(Base):
    """Something that happened and that a mail tells; each person is told of it once at most.

    `event_key` follows from the event's own ids: a replay under new envelopes changes nothing.
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
    """What a look at everything known says of a mail whose time has come."""

    READY = "ready"
    UNKNOWN = "unknown"  # something that it needs has not arrived yet
    GONE = "gone"  # nothing to tell any more


@dataclass(frozen=True)
class Due:
    """A mail with all that is known about it, of the moment of its try."""

    mail: Mail
    person: Person | None
    wishes: Wishes
    ticket: Ticket | None
    reasons: tuple[Reason, ...]
    authors: dict[UUID, Person]

    @property
    def kind(self) -> Kind:
        return Kind(self.mail.kind)

    @property
    def author_ids(self) -> list[UUID]:
        """Each once, in the order in which they spoke."""
        return list(dict.fromkeys(r.author_id for r in self.reasons if r.author_id))

    @property
    def message_ids(self) -> list[UUID]:
        return [reason.message_id for reason in self.reasons if reason.message_id]

    @property
    def email(self) -> str:
        return self.mail.fixed_email or (self.person.email if self.person else "")

    def verdict(self, at: datetime) -> Verdict:
        if self.is_gone(at):
            return Verdict.GONE
        return Verdict.READY if self.is_known() else Verdict.UNKNOWN

    def is_known(self) -> bool:
        if self.kind in WITH_LINK:
            return True  # identity tells the rest with the secret
        if self.person is None:
            return False
        if self.kind in ON_TICKETS and (self.ticket is None or self.ticket.designation is None):
            return False
        return all(author in self.authors for author in self.author_ids)

    def is_gone(self, at: datetime) -> bool:
        if not self.wishes.wants(self.kind):
            return True
        if self.mail.link_expires_at is not None and self.mail.link_expires_at <= at:
            return True
        if self.person is not None and self.is_not_for(self.person):
            return True
        return self.ticket is not None and self.is_overtaken(self.ticket)

    def is_not_for(self, person: Person) -> bool:
        if self.kind in TO_STAFF and person.is_customer:
            return True
        return not person.enabled and self.kind not in ABOUT_SAFETY

    def is_overtaken(self, ticket: Ticket) -> bool:
        """Answered, resolved or read before anybody had to be told."""
        last = max((reason.version for reason in self.reasons), default=0)
        if self.kind == Kind.REPLY:
            # The mail on the resolution tells of the answer, too, if they want to have that one.
            told = ticket.resolved_by_customer or (ticket.resolved and self.wishes.resolutions)
            return told or ticket.customer_version > last
        if self.kind in {Kind.NEW_REQUEST, Kind.ACKNOWLEDGEMENT}:
            return ticket.resolved or ticket.staff_version > 0
        if self.kind == Kind.CUSTOMER_ANSWER:
            return ticket.resolved or ticket.staff_version > last
        return False
