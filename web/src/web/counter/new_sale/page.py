"""A new sale: the page with its four steps, and recording it."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from contracts.sales.api import OLDEST_YEARS, Draft, NewSale, years_before
from web.clients import catalog, identity, sales
from web.clients.gateway import Gateway, Problem
from web.counter.new_sale.customers import summary
from web.counter.new_sale.days import about_day, day_meant, must_confirm, shop_dates
from web.counter.new_sale.drafts import as_id
from web.counter.new_sale.serial_numbers import already_sold
from web.counter.new_sale.serial_numbers import refused as serial_number_refused
from web.counter.pieces import answer, errors
from web.shared.forms import Form, Typed
from web.shared.rendering import page, remember_done
from web.shared.sessions import SignedIn, Staff
from web.shared.text.language import _

router = APIRouter()

T = TypeVar("T")


class NewSaleQuery(BaseModel):
    """Parameters of links to the counter: a sale to this customer, or to a new one."""

    client: str = ""
    nouveau: str = ""


@router.get("/comptoir")
async def new_sale(
    request: Request, person: Staff, asked: Annotated[NewSaleQuery, Query()]
) -> Response:
    """The page, with the seller's draft unless the link asks for another sale."""
    draft = begun(await sales.draft(person.gateway), asked)
    form = Form(values=draft.content)
    form.key = draft.key or form.key
    customer = await if_known(identity.customer, person, as_id(form["customer_id"]))
    product = await if_known(catalog.product, person, as_id(form["product_id"]))
    today = shop_dates(request).today()
    return page(
        request,
        "counter/new_sale.html",
        person=person,
        tab="counter",
        title=_("Nouveau client") if asked.nouveau else _("Nouvelle vente"),
        form=form,
        is_saved=draft.saved_at is not None,
        customer=customer,
        customer_more=await summary(person.gateway, customer) if customer else "",
        product=product,
        today=today,
        oldest=years_before(today, OLDEST_YEARS),
    )


def begun(draft: Draft, asked: NewSaleQuery) -> Draft:
    """A link begins another sale; whether it may replace the draft, the page learns when it saves
    it.
    """
    customer_id = as_id(asked.client)
    if customer_id and customer_id != as_id(draft.content.get("customer_id", "")):
        return Draft(content={"customer_id": str(customer_id)})
    if asked.nouveau and not draft.content.get("creating_customer"):
        return Draft(content={"creating_customer": "true"})
    return draft


async def if_known(
    ask: Callable[[Gateway, UUID], Awaitable[T]], person: SignedIn, id: UUID | None
) -> T | None:
    """The chosen customer or product, or None if it is gone, which must not prevent a new sale."""
    try:
        return await ask(person.gateway, id) if id else None
    except Problem as problem:
        if problem.status == 404:
            return None
        raise


@router.post("/comptoir")
async def record_sale(request: Request, person: Staff, form: Typed) -> Response:
    day = day_meant(request, form)
    if day is None:
        return answer(fields=errors(request, form))
    if must_confirm(request, form, day):
        answered = about_day(request, form)
        return answer(fields=answered["fields"], day=answered)
    try:
        sale = await sales.record_sale(
            person.gateway, form.fields_of(NewSale) | {"sold_on": day.isoformat()}, key=form.key
        )
    except Problem as problem:
        return answer(**await refusal(request, person, form, problem))
    response = answer(location=f"/ventes/{sale.id}")
    remember_done(request, response, "sale_recorded")
    return response


REOPENED = {"customer_id": "customer", "product_id": "product"}


async def refusal(
    request: Request, person: SignedIn, form: Form, problem: Problem
) -> dict[str, Any]:
    """Everything typed stays; each error is shown at its step."""
    fields = errors(request, form.refused(problem))
    answered: dict[str, Any] = {"key": form.key, "retry_after": problem.retry_after}
    for error in problem.errors:
        if error.field == "serial_number":
            answered["serial"] = await about_serial_number(
                request, person, error.code, error.context
            )
            fields.pop("serial_number", None)
        elif error.code == "product_withdrawn":
            answered["withdrawn"] = True
            fields.pop(error.field, None)
        elif error.field in REOPENED:
            answered["reopen"] = REOPENED[error.field]
    return answered | {"fields": fields}


async def about_serial_number(
    request: Request, person: SignedIn, code: str, context: dict[str, Any]
) -> dict[str, Any]:
    if code != "serial_number_already_sold":
        return serial_number_refused(request, code, context)
    buyer = await identity.customer(person.gateway, UUID(context["customer_id"]))
    return already_sold(
        request,
        sale_id=context["sale_id"],
        day=shop_dates(request).day(date.fromisoformat(context["sold_on"])),
        buyer=f"{buyer.first_name} {buyer.last_name}",
        seller=context["seller_name"],
    )
