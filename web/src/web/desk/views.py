"""The state of the desk in its addresses: queue, filters, order, page."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Request

from contracts.tickets.api import Priority, Sort, StaffView
from web.clients.tickets import QueueFilters
from web.shared.text.language import N_

# The queues: the name in the address, the view of tickets, the words on the tab.
QUEUES = {
    "a-traiter": (StaffView.TO_HANDLE, N_("À traiter")),
    "ouvertes": (StaffView.OPEN, N_("Ouvertes")),
    "en-cours": (StaffView.IN_PROGRESS, N_("En cours")),
    "attente-client": (StaffView.WAITING_CUSTOMER, N_("Attente client")),
    "resolues": (StaffView.RESOLVED, N_("Résolues")),
}
FIRST_QUEUE = "a-traiter"

PRIORITIES = {
    "urgente": (Priority.URGENT, N_("Urgente")),
    "haute": (Priority.HIGH, N_("Haute")),
    "normale": (Priority.NORMAL, N_("Normale")),
    "basse": (Priority.LOW, N_("Basse")),
}
PRIORITY_CHIPS = {
    Priority.URGENT: N_("Priorité urgente"),
    Priority.HIGH: N_("Priorité haute"),
    Priority.NORMAL: N_("Priorité normale"),
    Priority.LOW: N_("Priorité basse"),
}
PRIORITY_NAMES = {priority: name for name, (priority, _) in PRIORITIES.items()}

# The order: the name in the address, that of tickets, the words in the menu and on its button.
ORDERS = {
    "attente": (Sort.WAITING, N_("Les plus anciennes d’abord"), N_("Attente")),
    "recentes": (Sort.NEWEST, N_("Les plus récentes d’abord"), N_("Récentes")),
    "priorite": (Sort.PRIORITY, N_("Les plus urgentes d’abord"), N_("Priorité")),
}
LONGEST_WAIT_FIRST = {StaffView.TO_HANDLE, StaffView.OPEN}

# The parameters of an address, by the fields of `DeskView`.
PARAMETERS = {
    "queue": "vue",
    "order": "tri",
    "product": "produit",
    "priority": "priorite",
    "opened_from": "du",
    "opened_to": "au",
    "answered_by": "par",
    "unread": "non-lues",
    "after": "apres",
}


@dataclass(frozen=True)
class DeskView:
    """A queue with its filters, order and page."""

    queue: str = FIRST_QUEUE
    order: str = ""
    product: str = ""
    priority: str = ""
    opened_from: str = ""
    opened_to: str = ""
    answered_by: str = ""
    unread: bool = False
    after: str = ""

    @property
    def view(self) -> StaffView:
        return QUEUES[self.queue][0]

    @property
    def shown_order(self) -> str:
        """The requested order, or the queue's default."""
        return self.order or ("attente" if self.view in LONGEST_WAIT_FIRST else "recentes")

    @property
    def sort(self) -> Sort | None:
        return ORDERS[self.order][0] if self.order else None

    @property
    def filters(self) -> QueueFilters:
        return QueueFilters(
            product_id=self.product,
            priority=PRIORITIES[self.priority][0] if self.priority else "",
            opened_from=self.opened_from,
            opened_to=self.opened_to,
            answered_by=self.answered_by,
            unread=self.unread,
        )

    @property
    def is_narrowed(self) -> bool:
        return self != replace(self.everything(), order=self.order, after=self.after)

    def everything(self) -> "DeskView":
        """The same queue without filters."""
        return DeskView(queue=self.queue, order=self.order)

    def other(self, **change: str | bool) -> "DeskView":
        """The same view with these changes, from its first page."""
        return replace(self, **{"after": "", **change})

    def address(self, number: int | None = None) -> str:
        """The address of this view, with this request open."""
        path = "/demandes" if number is None else f"/demandes/{number}"
        return f"{path}?{self.query}"

    @cached_property
    def query(self) -> str:
        values = {field: getattr(self, field) for field in PARAMETERS}
        values["unread"] = "oui" if self.unread else ""
        return urlencode({PARAMETERS[field]: value for field, value in values.items() if value})


async def desk_view(request: Request) -> DeskView:
    """Parse the address; invalid parts are ignored.

    By hand: nine typed parameters took FastAPI as long as rendering the page. All of them are named
    in `PARAMETERS`, by which the tests know what to attack.
    """
    typed = request.query_params
    asked = {field: typed.get(name, "") for field, name in PARAMETERS.items()}
    queue, order, priority = asked["queue"], asked["order"], asked["priority"]
    return DeskView(
        queue=queue if queue in QUEUES else FIRST_QUEUE,
        order=order if order in ORDERS else "",
        product=an_id(asked["product"]),
        priority=priority if priority in PRIORITIES else "",
        opened_from=a_day(asked["opened_from"]),
        opened_to=a_day(asked["opened_to"]),
        answered_by=an_id(asked["answered_by"]),
        unread=asked["unread"] == "oui",
        after=asked["after"],
    )


def an_id(text: str) -> str:
    with suppress(ValueError):
        return str(UUID(text))
    return ""


def a_day(text: str) -> str:
    """ISO, as date fields send it; years beyond 2000 to 2999 are slips of the keyboard."""
    with suppress(ValueError):
        day = date.fromisoformat(text)
        return day.isoformat() if 2000 <= day.year < 3000 else ""
    return ""


At = Annotated[DeskView, Depends(desk_view)]
