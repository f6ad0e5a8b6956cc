"""What identity publishes: the only events that carry names and e-mail addresses."""

from uuid import UUID

from pydantic import AwareDatetime

from contracts.event import Event
from contracts.identity.roles import Role


class CustomerChanged(Event, type="identity.customer-changed.v1", subject="customer_id"):
    """The whole state of a customer, on creation and after every change.

    `version` grows with each change: ignore an event that is not newer than what you hold.
    """

    customer_id: UUID
    version: int
    first_name: str
    last_name: str
    email: str
    enabled: bool
    registered_at: AwareDatetime


class StaffMemberChanged(Event, type="identity.staff-member-changed.v1", subject="staff_member_id"):
    """The whole state of a staff member, on creation and after every change."""

    staff_member_id: UUID
    version: int
    first_name: str
    last_name: str
    email: str
    role: Role
    enabled: bool
