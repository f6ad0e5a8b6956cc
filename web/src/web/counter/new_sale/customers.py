"""Customers at the counter: searched while typing, or registered in place."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from chassis.errors import field_error
from contracts.identity.api import (
    INSIDE_SHORTEST,
    SEARCH_SHORTEST,
    Customer,
    EmailChecked,
    NewCustomer,
)
from contracts.text import first_words
from web.clients import identity, sales, tickets
from web.clients.gateway import Gateway, Problem, if_answered
from web.counter.pieces import answer, error, errors, piece
from web.shared import words
from web.shared.forms import Form, Typed
from web.shared.sessions import Staff
from web.shared.text.language import _, ngettext
from web.shared.text.matches import marked

router = APIRouter()

LISTED_MOST = 8


# --- Finding ----------------------------------------------------------------------------------


@router.post("/comptoir/clients")
async def search_customers(request: Request, person: Staff, form: Typed) -> Response:
    text = first_words(form["text"].strip())
    if len(text) < SEARCH_SHORTEST:
        message = _("La recherche commence à la deuxième lettre.")
        return answer(html=piece(request, "customers", rows=[], message=message), message=message)
    try:
        found = await identity.search_customers(person.gateway, text=text, limit=LISTED_MOST)
    except Problem as problem:
        message = form.refused(problem).errors.get("text") or form.problem
        return answer(html=piece(request, "customers", rows=[], message=message), message=message)
    counts = await sales.purchase_counts(
        person.gateway, [customer.id for customer in found.customers]
    )
    rows = [
        {
            "customer": customer,
            "name": f"{customer.first_name} {customer.last_name}",
            "purchases": purchases(counts[customer.id]),
            "marked_name": marked(
                f"{customer.last_name} {customer.first_name}", text, inside_from=INSIDE_SHORTEST
            ),
            "marked_email": marked(customer.email, text, inside_from=INSIDE_SHORTEST, is_code=True),
            "likely": found.count == 1 or customer.email.casefold() == text.casefold(),
        }
        for customer in found.customers
    ]
    message = matching(found.count, text)
    return answer(html=piece(request, "customers", rows=rows, message=message), message=message)


def matching(count: int, text: str) -> str:
    if count == 0:
        return _("Aucun client ne correspond à « %(text)s ».", text=text)
    if count > LISTED_MOST:
        return _(
            "%(num)s clients correspondent à « %(text)s », voici les %(most)s premiers",
            num=words.counted(count),
            text=text,
            most=LISTED_MOST,
        )
    return ngettext(
        "%(num)s client correspond à « %(text)s »",
        "%(num)s clients correspondent à « %(text)s »",
        count,
        text=text,
    )


def purchases(count: int) -> str:
    if count == 0:
        return _("aucun achat")
    return ngettext("%(num)s achat", "%(num)s achats", count, num=words.number(count))


@router.post("/comptoir/clients/{customer_id:uuid}")
async def more_about(person: Staff, customer_id: UUID, _: Typed) -> Response:
    """What the counter shows of the chosen customer."""
    customer = await identity.customer(person.gateway, customer_id)
    return answer(sub=await summary(person.gateway, customer))


async def summary(gateway: Gateway, customer: Customer) -> str:
    """« n.rousseau@ateliers-rousseau.fr · 4 achats, 2 demandes à suivre »"""
    counts, unresolved = await asyncio.gather(
        sales.purchase_counts(gateway, [customer.id]),
        if_answered(tickets.unresolved(gateway, [customer.id])),
    )
    parts = [purchases(counts[customer.id])]
    if not customer.has_password:
        parts.append(_("mot de passe pas encore choisi"))
    if unresolved and customer.id in unresolved:
        count = unresolved[customer.id].count
        parts.append(
            ngettext(
                "%(num)s demande à suivre",
                "%(num)s demandes à suivre",
                count,
                num=words.number(count),
            )
        )
    return f"{customer.email} · {', '.join(parts)}"


# --- Registering ------------------------------------------------------------------------------


@router.post("/comptoir/clients/verification")
async def check_identity(request: Request, person: Staff, form: Typed) -> Response:
    """Check everything about a new customer but the password; the address may already have an
    account.
    """
    try:
        customer = NewCustomer.model_validate(form.fields_of(NewCustomer))
    except ValidationError as invalid:
        form.refused(
            Problem(422, "invalid", errors=[field_error(found) for found in invalid.errors()])
        )
    fields = errors(request, form)
    if "email" not in form.errors:
        checked = await identity.check_email(person.gateway, email=form["email"])
        fields["email"] = about_email(request, checked)
        if checked.taken:
            form.refuse("email", "taken")
    if form.is_refused:
        return answer(fields=fields, refused=True)
    return answer(
        fields=fields,
        first_name=customer.first_name,
        email=customer.email,
        suggestion=checked.suggestion,
    )


def about_email(request: Request, checked: EmailChecked) -> str:
    """The customer with this address, a likely correction, or that it is free."""
    if checked.customer:
        return taken(request, checked.customer)
    if checked.taken:
        return error(request, _("Cette adresse est celle d’un compte du personnel."))
    if checked.suggestion:
        return piece(request, "suggestion", suggestion=checked.suggestion)
    return piece(request, "email_free")


def taken(request: Request, customer: Customer) -> str:
    name = f"{customer.first_name} {customer.last_name}"
    facts = {"offer": "", "id": customer.id, "name": name, "email": customer.email, "purchases": ""}
    return error(
        request,
        _("Un compte existe déjà avec cette adresse : %(name)s.", name=name),
        button={"text": _("Choisir ce client"), "data": facts},
    )


@router.post("/comptoir/clients/creation")
async def register_customer(request: Request, person: Staff, form: Typed) -> Response:
    """The customer typed the password and gave the keyboard back."""
    try:
        # One that is empty is refused: without any, a link would be sent instead.
        new = form.fields_of(NewCustomer) | {"password": form["password"]}
        customer = await identity.register_customer(person.gateway, new, key=form.key)
        if form["again"]:
            # A try that was cut may have arrived: then it is its password that stands.
            await identity.reset_password(person.gateway, customer.id, password=form["password"])
    except Problem as problem:
        fields = await refused(request, person.gateway, form, problem)
        return answer(fields=fields, key=form.key, unsure=problem.status >= 500)
    return answer(customer=facts_of(customer))


@router.post("/comptoir/clients/invitation")
async def register_by_link(request: Request, person: Staff, form: Typed) -> Response:
    """The customer chooses the password elsewhere, by a link sent to the address."""
    try:
        new = form.fields_of(NewCustomer)
        new.pop("password", None)
        customer = await identity.register_customer(person.gateway, new, key=form.key)
        if customer.has_password:
            # A hand-over that was cut had arrived: no link was sent then.
            await identity.invite_customer(person.gateway, customer.id, key=form.key)
    except Problem as problem:
        fields = await refused(request, person.gateway, form, problem, beside="link")
        return answer(fields=fields, key=form.key, unsure=problem.status >= 500)
    return answer(
        customer=facts_of(customer), html=piece(request, "link_sent", email=customer.email)
    )


async def refused(
    request: Request, gateway: Gateway, form: Form, problem: Problem, *, beside: str = "password"
) -> dict[str, str]:
    """General errors are shown where the reader is: the customer sees them below the password."""
    fields = errors(request, form.refused(problem))
    if "form" in fields:
        fields.setdefault(beside, fields.pop("form"))
    if problem.code == "email_taken":
        fields["email"] = about_email(
            request, await identity.check_email(gateway, email=form["email"])
        )
    return fields


def facts_of(customer: Customer) -> dict[str, str]:
    return {
        "id": str(customer.id),
        "name": f"{customer.first_name} {customer.last_name}",
        "email": customer.email,
        "purchases": purchases(0),
    }
