"""The closed sets: statuses, priorities, views, and how lists are sorted."""

from enum import StrEnum


class Status(StrEnum):
    """The three states of a request, in this order; the last one is final."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"


class Priority(StrEnum):
    """How staff rank a request among others; customers never learn of it."""

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

    TO_HANDLE = "to_handle"  # open, or in progress where the customer spoke last
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING_CUSTOMER = "waiting_customer"  # in progress where staff spoke last
    RESOLVED = "resolved"


class Sort(StrEnum):
    """Each queue has one moment: since when one waits, the last activity, or the resolution."""

    WAITING = "waiting"  # the oldest moment first
    NEWEST = "newest"  # the newest moment first
    PRIORITY = "priority"  # the highest priority first, then the oldest moment


class CustomerView(StrEnum):
    ALL = "all"
    AWAITING_ME = "awaiting_me"  # in progress, last word from staff
    OTHERS = "others"  # all but those; what is resolved comes last
