"""The customers: the list with its search, and one customer's file."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from contracts.identity.api import INSIDE_SHORTEST, SEARCH_SHORTEST, Customer
from contracts.sales.api import Sale
from contracts.tickets.api import StaffView, TicketSummary
from web.clients import identity, sales, tickets
from web.clients.gateway import Gateway, Problem, if_answered
from web.counter.pieces import answer, errors
from web.shared import words
from web.shared.forms import Form, Typed, question_email
from web.shared.rendering import is_part, page, redirect, remember_done
from web.shared.searches import SearchPage
from web.shared.sessions import SignedIn, Staff
from web.shared.text.language import _, ngettext, pgettext
from web.shared.text.matches import marked

router = APIRouter()

PAGE = 25
LISTED_MOST = 50
CHANGEABLE = ("first_name", "last_name", "email")


# --- The list ---------------------------------------------------------------------------------


SEARCHES = SearchPage("/clients", ("text", "after"))


@router.post("/clients")
async def search_customers(request: Request, person: Staff, form: Typed) -> Response:
    """By POST, so that no name gets into an address or a log.

    While somebody types, the list changes below the field: all of that is one search in the
    history.
    """
    if not is_part(request):
        return SEARCHES.searched(request, person, form)
    name = SEARCHES.name_of(request, person, form)
    values = SEARCHES.typed(form)
    response = await customers_page(request, person, Form(values=values), name)
    SEARCHES.remember(request, response, person, name, values)
    response.headers["HX-Replace-Url"] = SEARCHES.address(name)
    return response


@router.get("/clients")
async def all_customers(request: Request, person: Staff, r: str = "") -> Response:
    return await customers_page(request, person, SEARCHES.recalled(request, person, r))


async def customers_page(
    request: Request, person: SignedIn, form: Form, typed_as: str = ""
) -> Response:
    text = form["text"]
    searched = text if len(text) >= SEARCH_SHORTEST else ""
    found = await identity.search_customers(
        person.gateway, text=searched, limit=PAGE, after=form["after"] or None
    )
    counts = await sales.purchase_counts(
        person.gateway, [customer.id for customer in found.customers]
    )
    return page(
        request,
        "counter/customers/list.html",
        person=person,
        tab="customers",
        form=form,
        typed_as=typed_as,
        searched=searched,
        summary=summary_of(found.count, searched),
        rows=[
            {
                "customer": customer,
                "name": marked(
                    f"{customer.last_name} {customer.first_name}",
                    searched,
                    inside_from=INSIDE_SHORTEST,
                ),
                "email": marked(
                    customer.email, searched, inside_from=INSIDE_SHORTEST, is_code=True
                ),
                "purchases": counts[customer.id],
            }
            for customer in found.customers
        ],
        next=found.next,
    )


def summary_of(count: int, searched: str) -> str:
    if not searched:
        return ngettext("%(num)s client", "%(num)s clients", count, num=words.counted(count))
    if count == 0:
        return _("Aucun client ne correspond à « %(text)s ».", text=searched)
    return ngettext(
        "%(num)s client correspond à « %(text)s »",
        "%(num)s clients correspondent à « %(text)s »",
        count,
        num=words.counted(count),
        text=searched,
    )


# --- One customer -----------------------------------------------------------------------------


# Those to be dealt with first.
VIEWS = {
    "ouvertes": StaffView.OPEN,
    "en-cours": StaffView.IN_PROGRESS,
    "resolues": StaffView.RESOLVED,
}


class At(BaseModel):
    """The cursors of the lists in a customer's file."""

    achats: str = ""
    statut: Literal["ouvertes", "en-cours", "resolues"] | None = None
    demandes: str = ""


@dataclass(frozen=True)
class CustomerRequests:
    """A customer's requests; `next` has the cursor of each status."""

    tickets: list[TicketSummary]
    next: dict[str, str]
    is_all: bool


@router.get("/clients/{customer_id:uuid}")
async def customer_file(
    request: Request, person: Staff, customer_id: UUID, at: Annotated[At, Query()]
) -> Response:
    return await file_page(request, person, customer_id, at, Form())


async def file_page(
    request: Request, person: SignedIn, customer_id: UUID, at: At, form: Form
) -> Response:
    """`form` is the one that sends a link."""
    customer, bought, asked = await asyncio.gather(
        identity.customer(person.gateway, customer_id),
        sales.sales_of(person.gateway, customer_id, limit=LISTED_MOST, after=at.achats or None),
        if_answered(requests_of(person.gateway, customer_id, at)),
    )
    return page(
        request,
        "counter/customers/file.html",
        person=person,
        tab="customers",
        status=form.status,
        facts={"first_name": customer.first_name, "email": customer.email},
        form=form,
        customer=customer,
        at=at,
        purchases=purchases(bought.sales, asked),
        more_purchases=bought.next,
        asked=asked,
    )


async def requests_of(gateway: Gateway, customer_id: UUID, at: At) -> CustomerRequests:
    """Each status in the order of its queue."""
    names = [at.statut] if at.statut else list(VIEWS)
    after = at.demandes or None
    found = await asyncio.gather(
        *(
            tickets.tickets_of(gateway, customer_id, VIEWS[name], limit=LISTED_MOST, after=after)
            for name in names
        )
    )
    going_on = {name: part.next for name, part in zip(names, found, strict=True) if part.next}
    return CustomerRequests(
        tickets=[ticket for part in found for ticket in part.tickets],
        next=going_on,
        is_all=not (going_on or at.statut),
    )


def purchases(bought: list[Sale], asked: CustomerRequests | None) -> list[dict[str, Any]]:
    """Each purchase with the number of requests about it, and of unresolved ones."""
    known = asked.tickets if asked else []
    about = Counter((ticket.reference, ticket.serial_number) for ticket in known)
    unresolved = Counter(
        (ticket.reference, ticket.serial_number) for ticket in known if not ticket.resolved_at
    )
    is_all = asked is not None and asked.is_all
    return [
        {"sale": sale, "requests": requests(about[unit], unresolved[unit], is_all=is_all)}
        for sale in bought
        for unit in [(sale.product.reference, sale.serial_number)]
    ]


def requests(count: int, unresolved: int, *, is_all: bool) -> str:
    """If not all are known, only what is certain."""
    if count == 0:
        return pgettext("requests", "aucune") if is_all else "—"
    if unresolved == count:
        known = pgettext("requests", "%(count)s en cours", count=count)
    elif unresolved:
        known = _("%(count)s, dont %(unresolved)s en cours", count=count, unresolved=unresolved)
    else:
        known = str(count)
    return known if is_all else _("au moins %(known)s", known=known)


# --- Putting it right -------------------------------------------------------------------------


@router.get("/clients/{customer_id:uuid}/modifier")
async def edit_customer(
    request: Request,
    person: Staff,
    customer_id: UUID,
    back: Annotated[str, Query(alias="retour", description="The page that led here.")] = "",
) -> Response:
    customer = await identity.customer(person.gateway, customer_id)
    stored = {name: getattr(customer, name) for name in CHANGEABLE}
    was = {f"was_{name}": value for name, value in stored.items()}
    return edit_page(request, person, customer, Form(values=stored | was | {"back": back}))


@router.post("/clients/{customer_id:uuid}/modifier")
async def change_customer(
    request: Request, person: Staff, customer_id: UUID, form: Typed
) -> Response:
    changed = {name: form[name] for name in CHANGEABLE if form[name] != form[f"was_{name}"]}
    if "email" in changed:
        question_email(form)
    if form.is_refused:
        customer = await identity.customer(person.gateway, customer_id)
        return edit_page(request, person, customer, form)
    try:
        await identity.change_customer(person.gateway, customer_id, **changed)
    except Problem as problem:
        form.refused(problem)
        customer = await identity.customer(person.gateway, customer_id)
        return edit_page(request, person, customer, form)
    return redirect(request, way_back(customer_id, form), done="customer_changed")


def way_back(customer_id: UUID, form: Form) -> str:
    """To the mail that was not delivered, or to the customer's file."""
    return "/courrier" if form["back"] == "courrier" else f"/clients/{customer_id}"


def edit_page(request: Request, person: SignedIn, customer: Customer, form: Form) -> Response:
    return page(
        request,
        "counter/customers/edit.html",
        person=person,
        tab="customers",
        status=form.status,
        customer=customer,
        form=form,
        back=way_back(customer.id, form),
    )


@router.post("/clients/{customer_id:uuid}/mot-de-passe")
async def reset_password(
    request: Request, person: Staff, customer_id: UUID, form: Typed
) -> Response:
    """The password that the customer has just typed at the counter."""
    try:
        await identity.reset_password(person.gateway, customer_id, password=form["password"])
    except Problem as problem:
        fields = errors(request, form.refused(problem))
        if "form" in fields:
            fields.setdefault("password", fields.pop("form"))
        return answer(fields=fields)
    response = answer(location=f"/clients/{customer_id}")
    remember_done(request, response, "customer_password_changed")
    return response


@router.post("/clients/{customer_id:uuid}/lien")
async def send_link(request: Request, person: Staff, customer_id: UUID, form: Typed) -> Response:
    """A link to choose a password elsewhere; also again, if the first is lost or expired."""
    try:
        await identity.invite_customer(person.gateway, customer_id, key=form.key)
    except Problem as problem:
        return await file_page(request, person, customer_id, At(), form.refused(problem))
    return redirect(request, f"/clients/{customer_id}", done="customer_link_sent")
