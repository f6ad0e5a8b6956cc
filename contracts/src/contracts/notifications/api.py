"""Bodies of the notifications HTTP API."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.text import Answer, Body, Storable, limit


class Kind(StrEnum):
    """What a mail is about."""

    REPLY = "reply"
    RESOLVED = "resolved"
    WELCOME = "welcome"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind, not a secret
    FIRST_PASSWORD = "first_password"  # noqa: S105 - the same
    EMAIL_CHANGED = "email_changed"
    EMAIL_ASKED = "email_asked"
    PASSWORD_LINK = "password_link"  # noqa: S105 - the same
    INVITATION = "invitation"
    EMAIL_LINK = "email_link"
    EMAIL_IN_USE = "email_in_use"
    ACKNOWLEDGEMENT = "acknowledgement"
    NEW_REQUEST = "new_request"
    CUSTOMER_ANSWER = "customer_answer"


class State(StrEnum):
    WAITING = "waiting"
    SENT = "sent"  # taken over by the mail server
    FAILED = "failed"  # refused for good, or tried for too long
    DROPPED = "dropped"  # no longer needed before it was sent


# --- Preferences ------------------------------------------------------------------------------


class Preferences(Answer):
    """What a person wants mail about.

    `replies`, `resolutions` and `acknowledgements` are a customer's, `new_requests` and `customer_answers` the
    staff's; the others' are stored but have no effect.
    """

    replies: bool = True
    resolutions: bool = True
    acknowledgements: bool | None = Field(
        None, description="A mail about each new request; null if the shop sends none."
    )
    new_requests: bool = False
    customer_answers: bool = False


class PreferencesChange(Body):
    """What is not given stays."""

    replies: bool | None = None
    resolutions: bool | None = None
    acknowledgements: bool | None = None
    new_requests: bool | None = None
    customer_answers: bool | None = None


class Unsubscription(Body):
    """The token of a mail's List-Unsubscribe: it names a person and a kind, signed."""

    token: Annotated[str, Storable, limit(400)] = Field(repr=False)


class UnsubscriptionChange(Unsubscription):
    wanted: bool = Field(False, description="True takes the end back.")


class Unsubscribed(Answer):
    kind: Kind
    wanted: bool = Field(description="Whether such mails are still sent to this person.")


# --- What became of mails -----------------------------------------------------------------------


class Delivery(Answer):
    """The state of one mail; for staff."""

    mail_id: UUID
    kind: Kind
    state: State
    message_ids: list[UUID] = Field(description="The messages of a request that it is about.")
    changed_at: AwareDatetime


class Deliveries(Answer):
    deliveries: list[Delivery]


class UndeliveredMail(Answer):
    """Mails that could not be delivered; newest first."""

    id: UUID
    kind: Kind
    person_id: UUID
    is_customer: bool
    first_name: str
    last_name: str
    email: str = Field(description="Where it went.")
    email_now: str = Field(description="The person's address today: it goes there when sent again.")
    ticket_number: int | None = None
    attempts: int
    reason: str = Field(description="The last response of the mail server, word for word.")
    failed_at: AwareDatetime
    can_be_resent: bool = Field(
        description="False if it is no longer needed, or its link has expired."
    )
    too_old: bool = Field(
        False,
        description="It was never tried: by the clocks, what it tells had happened too long ago"
        " when it was heard of.",
    )


class UndeliveredMails(Answer):
    mails: list[UndeliveredMail]
    count: int = Field(description="Exact to 1,000, never above 1,001.")
    next: str | None = None


class Queue(Answer):
    """How sending goes; for administrators."""

    waiting: int = Field(description="Mails whose time has come and that were not sent.")
    oldest_seconds: float = Field(description="For how long the oldest of them has been due.")
    sent_last_day: int
    failed: int
    last_trouble: str | None = Field(None, description="Of the mail server, while it lasts.")
    last_trouble_at: AwareDatetime | None = None
