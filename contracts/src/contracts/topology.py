"""Who publishes and who listens: the context map, in a form that programs obey.

The set-up step makes one stream per publisher and one durable per listener and stream from
this page, and gives each user of NATS no right beyond it.
"""

from typing import NamedTuple


class Listening(NamedTuple):
    """One service reads these event types from another's stream, under a durable of its name."""

    service: str
    to: str
    types: tuple[str, ...]


PUBLISHERS = ("identity", "catalog", "sales", "tickets")
CONTEXTS = (*PUBLISHERS, "notifications")  # each has a database and a user of NATS

LISTENINGS = (
    Listening("sales", "identity", ("identity.customer-changed.v1",)),
    Listening("sales", "catalog", ("catalog.products-changed.v1",)),
    Listening(
        "tickets",
        "identity",
        ("identity.customer-changed.v1", "identity.staff-member-changed.v1"),
    ),
    Listening("tickets", "sales", ("sales.sale-recorded.v1", "sales.sale-cancelled.v1")),
    Listening(
        "notifications",
        "identity",
        (
            "identity.customer-changed.v1",
            "identity.staff-member-changed.v1",
            "identity.password-changed.v1",
            "identity.link-requested.v1",
        ),
    ),
    Listening("notifications", "sales", ("sales.sale-recorded.v1",)),
    Listening(
        "notifications",
        "tickets",
        (
            "tickets.ticket-opened.v1",
            "tickets.ticket-message-added.v1",
            "tickets.ticket-resolved.v1",
        ),
    ),
)

# What other systems may read. Identity's events carry names and addresses: not for outsiders.
PUBLIC_STREAMS = ("catalog", "sales", "tickets")


def stream_name(context: str) -> str:
    return context.upper()
