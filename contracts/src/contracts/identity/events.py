"""The events of identity, the only ones that contain names and e-mail addresses."""

from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.event import Event
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role


class CustomerChanged(
    Event, type="identity.customer-changed.v1", subject="customer_id", personal=True
):
    """The whole state of a customer, on creation and after every change.

    `version` grows with each change: ignore an event that is not newer than the stored state.
    """

    customer_id: UUID
    version: int
    first_name: str
    last_name: str
    email: str
    enabled: bool
    registered_at: AwareDatetime
    changed_at: AwareDatetime | None = None
    language: str | None = Field(
        None, description="Of pages and mails, such as `en`; null: none chosen."
    )


class StaffMemberChanged(
    Event, type="identity.staff-member-changed.v1", subject="staff_member_id", personal=True
):
    """The whole state of a staff member, on creation and after every change."""

    staff_member_id: UUID
    version: int
    first_name: str
    last_name: str
    email: str
    role: Role
    enabled: bool
    language: str | None = Field(
        None, description="Of pages and mails, such as `en`; null: none chosen."
    )


class PasswordChanged(Event, type="identity.password-changed.v1", subject="account_id"):
    """An account has a new password, however it was chosen."""

    account_id: UUID
    changed_at: AwareDatetime
    first: bool = Field(
        False, description="Whether it is the account's first password, chosen after an invitation."
    )


class LinkRequested(Event, type="identity.link-requested.v1", subject="account_id"):
    """A link is to be mailed. Its secret is made when the mail is sent, and is in no event."""

    account_id: UUID
    link_id: UUID
    purpose: Purpose
    requested_at: AwareDatetime
    expires_at: AwareDatetime
