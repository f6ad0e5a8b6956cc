"""Names of roles and statuses."""

from collections.abc import Sequence

from contracts.tickets.api import Status, Ticket, TicketSummary
from web.shared.text.language import N_, _

ROLES = {
    "customer": N_("client"),
    "seller": N_("vendeur"),
    "technician": N_("technicien"),
    "administrator": N_("administrateur"),
}

STATUSES = {
    "open": N_("Ouverte"),
    "busy": N_("En cours de traitement"),
    "wait": N_("En attente du client"),
    "done": N_("Résolue"),
    "turn": N_("En attente de votre réponse"),
}


def role(code: str) -> str:
    return _(ROLES[code]) if code in ROLES else ""


def status(kind: str) -> str:
    return _(STATUSES[kind])


def kind(ticket: Ticket | TicketSummary) -> str:
    """The name of a request's status among the icons and styles, as everyone sees it."""
    return {Status.OPEN: "open", Status.IN_PROGRESS: "busy", Status.RESOLVED: "done"}[ticket.status]


def following(listed: Sequence[TicketSummary], number: int) -> int | None:
    """The next request in a queue; the first one if this one has left it."""
    numbers = [line.number for line in listed]
    if number in numbers:
        numbers = numbers[numbers.index(number) + 1 :] + numbers[: numbers.index(number)]
    return numbers[0] if numbers else None
