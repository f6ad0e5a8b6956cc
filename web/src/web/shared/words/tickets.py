"""Names of roles and statuses."""

from collections.abc import Sequence

from contracts.tickets.api import Status, Ticket, TicketSummary

ROLES = {
    "customer": "client",
    "seller": "vendeur",
    "technician": "technicien",
    "administrator": "administrateur",
}

STATUSES = {
    "open": "Ouverte",
    "busy": "En cours de traitement",
    "wait": "En attente du client",
    "done": "Résolue",
    "turn": "En attente de votre réponse",
}


def role(code: str) -> str:
    return ROLES.get(code, "")


def kind(ticket: Ticket | TicketSummary) -> str:
    """The name of a request's status among the icons and styles, as everyone sees it."""
    return {Status.OPEN: "open", Status.IN_PROGRESS: "busy", Status.RESOLVED: "done"}[ticket.status]


def following(listed: Sequence[TicketSummary], number: int) -> int | None:
    """The next request in a queue; the first one if this one has left it."""
    numbers = [line.number for line in listed]
    if number in numbers:
        numbers = numbers[numbers.index(number) + 1 :] + numbers[: numbers.index(number)]
    return numbers[0] if numbers else None
