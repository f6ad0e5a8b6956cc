"""Calls to notifications: mail preferences, and the delivery of mails."""

from uuid import UUID

from contracts.notifications.api import (
    Deliveries,
    Delivery,
    Preferences,
    Queue,
    UndeliveredMails,
    Unsubscribed,
)
from web.clients.gateway import Gateway

PATH = "/api/notifications"


async def preferences(gateway: Gateway) -> Preferences:
    return await gateway.get(f"{PATH}/preferences", Preferences)


async def change_preferences(gateway: Gateway, **wanted: bool) -> Preferences:
    return await gateway.send("PATCH", f"{PATH}/preferences", wanted, Preferences)


async def read_unsubscription(gateway: Gateway, token: str) -> Unsubscribed:
    """What the link of a mail would end; changes nothing."""
    return await gateway.send(
        "POST", f"{PATH}/unsubscriptions/read", {"token": token}, Unsubscribed
    )


async def unsubscribe(gateway: Gateway, token: str, *, wanted: bool) -> Unsubscribed:
    """`wanted` undoes it."""
    body = {"token": token, "wanted": wanted}
    return await gateway.send("POST", f"{PATH}/unsubscriptions", body, Unsubscribed)


# --- For staff --------------------------------------------------------------------------------


async def deliveries(gateway: Gateway, ticket_number: int) -> Deliveries:
    """The customer's mails about this request."""
    return await gateway.get(f"{PATH}/deliveries", Deliveries, ticket_number=ticket_number)


async def undelivered(gateway: Gateway, *, after: str | None = None) -> UndeliveredMails:
    return await gateway.get(f"{PATH}/undelivered", UndeliveredMails, after=after)


async def resend(gateway: Gateway, mail_id: UUID) -> Delivery:
    return await gateway.send("POST", f"{PATH}/mails/{mail_id}/resend", None, Delivery)


async def queue(gateway: Gateway) -> Queue:
    """The state of the mail queue; for administrators."""
    return await gateway.get(f"{PATH}/queue", Queue)
