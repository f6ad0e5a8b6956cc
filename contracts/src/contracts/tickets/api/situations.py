"""The closed sets: statuses, priorities, views, and how lists are sorted."""

from enum import StrEnum


class Status(StrEnum):
    """The three states of a request, in this order; the last one is final."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"


class Priority(StrEnum):
    """How staff rank a request among others; customers never see it."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class MessageKind(StrEnum):
    CUSTOMER = "customer"
    STAFF = "staff"
    NOTE = "note"  # of staff, for staff


class StaffView(StrEnum):
    """The queues of the staff."""

    TO_HANDLE = "to_handle"  # open, or in progress and the customer wrote last
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING_CUSTOMER = "waiting_customer"  # in progress and staff wrote last
    RESOLVED = "resolved"


class Sort(StrEnum):
    """How a queue is sorted. Each has one time: waiting since, last activity, or resolution."""

    WAITING = "waiting"  # the oldest time first
    NEWEST = "newest"  # the newest time first
    PRIORITY = "priority"  # the highest priority first, then the oldest time


class CustomerView(StrEnum):
    ALL = "all"
    AWAITING_ME = "awaiting_me"  # in progress and staff wrote last
    OTHERS = "others"  # all others; resolved ones come last
