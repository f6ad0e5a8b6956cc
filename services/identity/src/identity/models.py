"""Accounts, their sessions and links, the keys that sign tokens, and counted failures."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, validates

from chassis.data.database import Mapping, metadata
from contracts.identity.api import INVITATION_HOURS
from contracts.identity.emails import email_key
from contracts.identity.purposes import Purpose
from contracts.identity.roles import STAFF, Role

# As text, because a partial index serves a query only where both say the same constants.
CUSTOMERS = text("role = 'customer'")
STAFF_MEMBERS = text("role <> 'customer'")

USER_AGENT_LENGTH = 200
RENEWAL_INTERVAL = timedelta(minutes=1)


class Base(Mapping, DeclarativeBase):
    metadata = metadata()


class Account(Base):
    """Anyone who signs in, customer or staff; an e-mail address belongs to one account.

    `version` grows with every change that is published.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint(
            "role IN ('customer', 'seller', 'technician', 'administrator')", name="role"
        ),
        Index("ix_accounts_customers_by_name", "name_key", "id", postgresql_where=CUSTOMERS),
        Index("ix_accounts_staff_by_name", "name_key", "id", postgresql_where=STAFF_MEMBERS),
        # Without the index's pending list: it makes insertions cheap and searches slow.
        Index(
            "ix_accounts_customers_search",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
            postgresql_with={"fastupdate": "off"},
            postgresql_where=CUSTOMERS,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(unique=True, init=False)
    # None until an invited person has chosen one: nobody can sign in with it.
    password_hash: Mapped[str | None]
    registered_at: Mapped[datetime]
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    # Of pages and mails; none until the person chooses one.
    language: Mapped[str | None] = mapped_column(default=None)
    # Accents and case folded by PostgreSQL, for lists by name and for the search of customers.
    name_key: Mapped[str] = mapped_column(
        Text(collation="C"),
        Computed("fold(last_name) || ' ' || fold(first_name)", persisted=True),
        init=False,
        deferred=True,
    )
    search_text: Mapped[str] = mapped_column(
        Text(collation="C"),
        Computed("searchable(last_name, first_name, email)", persisted=True),
        init=False,
        deferred=True,
    )

    @validates("email")
    def keep_key(self, _: str, email: str) -> str:
        self.email_key = email_key(email)
        return email

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def has_password(self) -> bool:
        return self.password_hash is not None

    @property
    def is_customer(self) -> bool:
        return self.role == Role.CUSTOMER

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF

    def change(self, **values: object) -> bool:
        """Set these values; whether any of them changed, so that it must be published."""
        new = {name: value for name, value in values.items() if getattr(self, name) != value}
        for name, value in new.items():
            setattr(self, name, value)
        self.version += bool(new)
        return bool(new)


class Lifetime(NamedTuple):
    """How long a session lives after its last use, and in all."""

    unused: timedelta
    most: timedelta


class Session(Base):
    """A signed-in browser or program, until it signs out or is not used for too long."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    opened_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    user_agent: Mapped[str]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)

    def is_open(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def use(self, now: datetime, lifetime: Lifetime) -> None:
        """Extend the session, up to its maximum; written at most once a minute."""
        if now - self.last_used_at >= RENEWAL_INTERVAL:
            self.last_used_at = now
            self.expires_at = min(now + lifetime.unused, self.opened_at + lifetime.most)


LINKS_LAST = {
    Purpose.PASSWORD: timedelta(hours=1),
    Purpose.INVITATION: timedelta(hours=INVITATION_HOURS),
    Purpose.EMAIL: timedelta(hours=INVITATION_HOURS),
}
SECRETS_STORED = 20
NOT_ENDED = text("used_at IS NULL AND revoked_at IS NULL")


class Link(Base):
    """Mailed to an address, to choose a password or to confirm that address.

    Only hashes of its secrets are stored. If the mail may have been sent twice there are two
    secrets: each opens the link, and the first use ends it.
    """

    __tablename__ = "links"
    __table_args__ = (
        CheckConstraint("purpose IN ('password', 'invitation', 'email')", name="purpose"),
        Index("ix_links_account_id", "account_id", "purpose", "requested_at"),
        Index("ix_links_secret_hashes", "secret_hashes", postgresql_using="gin"),
        # Only the newest link of each purpose is valid.
        Index(
            "uq_links_not_ended",
            "account_id",
            "purpose",
            unique=True,
            postgresql_where=NOT_ENDED,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    purpose: Mapped[str]
    email: Mapped[str]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    secret_hashes: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), default_factory=list)

    def is_over(self, now: datetime) -> bool:
        return self.revoked_at is not None or now >= self.expires_at

    def keep_secret(self, secret_hash: bytes) -> None:
        """Add a secret; of very many only the last ones stay valid."""
        self.secret_hashes = [*self.secret_hashes, secret_hash][-SECRETS_STORED:]


class SigningKey(Base):
    """An Ed25519 key for tokens; the newest one signs, all are published."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)
    private_pem: Mapped[str]
    public_x: Mapped[str]
    created_at: Mapped[datetime]


FREE_FAILURES = {"account": 5, "browser": 5, "address": 30, "link": 10, "new_address": 5}
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=5)
FAILURES_FORGOTTEN_AFTER = timedelta(minutes=15)


class Slowdown(Base):
    """Counted failures of an account or a network address, and the wait that follows from them.

    Kind `browser`: one account in one browser that has signed in to it before. Kind `link`: every
    request for a link counts against an address, successful or not. Kind `new_address`: so does every
    change of one's own address that takes effect at once, against the account.

    The subject is stored as a hash: what was typed as an e-mail address may be no customer's, or
    even a password.
    """

    __tablename__ = "slowdowns"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('account', 'browser', 'address', 'link', 'new_address')", name="kind"
        ),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_failed_at: Mapped[datetime]

    @property
    def slows_down(self) -> bool:
        return self.failures >= FREE_FAILURES[self.kind]

    def count(self, now: datetime) -> None:
        """One more failure; older ones are forgotten after a long pause."""
        forgotten = now - self.last_failed_at > FAILURES_FORGOTTEN_AFTER
        self.failures = 1 if forgotten else self.failures + 1
        self.last_failed_at = now

    def wait(self, now: datetime) -> timedelta:
        """How long until the next attempt is accepted: 30 s, doubled each time, at most 5 min."""
        beyond = self.failures - FREE_FAILURES[self.kind]
        if beyond < 0:
            return timedelta(0)
        delay = min(SHORTEST_WAIT * 2 ** min(beyond, 10), LONGEST_WAIT)
        return max(self.last_failed_at + delay - now, timedelta(0))
