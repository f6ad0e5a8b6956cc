"""A customer's own requests: the list, and one of them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from chassis.http.bodies import LONG_BODY
from contracts.tickets.api import Home, Status, Thread
from web.clients import tickets
from web.clients.gateway import Problem
from web.shared import threads
from web.shared.files.drafted import chosen, filing
from web.shared.forms import Form, Typed
from web.shared.rendering import is_part, page, redirect
from web.shared.searches import SearchPage
from web.shared.sessions import Customer, SignedIn
from web.shared.text.language import N_
from web.shared.text.numbers import whole

router = APIRouter(prefix="/mes-demandes")

After = Annotated[str | None, Query(alias="apres", description="The page before gave it.")]
Before = Annotated[str | None, Query(alias="avant", description="Earlier messages than these.")]

# What the page says after a message, by the status that the request then has.
CONFIRMATIONS = {
    Status.OPEN: "precision_sent",
    Status.IN_PROGRESS: "reply_sent",
    Status.RESOLVED: "resolved",
}
PRODUCTS_SHOWN = 4  # products shown beside the list of requests

# The name in the address, the status, and what the list of statuses says.
STATUSES = {
    "ouvertes": (Status.OPEN, N_("Ouvertes")),
    "en-cours": (Status.IN_PROGRESS, N_("En cours de traitement")),
    "resolues": (Status.RESOLVED, N_("Résolues")),
}


# --- The list ---------------------------------------------------------------------------------


SEARCHES = SearchPage("/mes-demandes", ("text",))


@dataclass(frozen=True)
class Narrowed:
    """The filters of the list. Its address holds them, but of a text only the search's name."""

    text: str
    search_name: str
    status: str
    sale_id: str

    @property
    def is_narrow(self) -> bool:
        return bool(self.text or self.status or self.sale_id)

    def address(self, after: str | None = None) -> str:
        return SEARCHES.address(
            self.search_name, statut=self.status, appareil=self.sale_id, apres=after or ""
        )


def narrowed(form: Form, search_name: str, status: str, sale_id: str) -> Narrowed:
    text = form["text"]
    return Narrowed(
        text, search_name if text else "", status if status in STATUSES else "", sale_id
    )


@router.post("")
async def search_my_tickets(request: Request, customer: Customer, form: Typed) -> Response:
    """By POST: no address contains what was searched for.

    While somebody types, the list changes below the field: all of that is one search in the
    history.
    """
    values = SEARCHES.typed(form)
    name = SEARCHES.name_of(request, customer, form)
    to = narrowed(Form(values=values), name, form["statut"], form["appareil"])
    if is_part(request):
        response = await list_page(request, customer, to, None, Form(values=values), typed_as=name)
        response.headers["HX-Replace-Url"] = to.address()
    else:
        response = redirect(request, to.address())
    if to.text:
        SEARCHES.remember(request, response, customer, name, values)
    return response


@router.get("")
async def my_tickets(
    *,
    request: Request,
    customer: Customer,
    r: str = "",
    status: Annotated[str, Query(alias="statut")] = "",
    sale_id: Annotated[str, Query(alias="appareil")] = "",
    after: After = None,
) -> Response:
    form = SEARCHES.recalled(request, customer, r)
    to = narrowed(form, r, status, sale_id)
    return await list_page(request, customer, to, after, form)


async def list_page(
    request: Request,
    customer: SignedIn,
    to: Narrowed,
    after: str | None,
    form: Form,
    *,
    typed_as: str = "",
) -> Response:
    """Those that wait for my reply first, then the others, newest activity first."""
    home = await home_of(customer, to, after, form)
    return page(
        request,
        "mine/list.html",
        person=customer,
        tab="home",
        status=form.status,
        first_name=customer.first_name,
        awaiting=home.awaiting,
        others=home.others,
        counts=home.others.counts or {"all": 0, "awaiting_me": 0},
        owned=home.owned,
        beside=home.owned.owned_products[:PRODUCTS_SHOWN],
        is_listed=any(str(each.sale_id) == to.sale_id for each in home.owned.owned_products),
        statuses=STATUSES,
        to=to,
        form=form,
        typed_as=typed_as,
        is_first_page=after is None,
    )


async def home_of(customer: SignedIn, to: Narrowed, after: str | None, form: Form) -> Home:
    """Without requests if the filters are refused."""
    try:
        return await tickets.home(
            customer.gateway,
            status=STATUSES[to.status][0] if to.status else None,
            sale_id=to.sale_id or None,
            text=to.text,
            after=after,
        )
    except Problem as problem:
        if problem.status != 422:
            raise
        form.refused(problem, fields={"q": "text"})
    home = await tickets.home(customer.gateway)
    nothing = home.others.model_copy(update={"tickets": [], "next": None})
    return home.model_copy(update={"awaiting": nothing, "others": nothing})


# --- One request ------------------------------------------------------------------------------


@router.get("/{number:number}")
async def my_ticket(
    request: Request, number: int, customer: Customer, before: Before = None
) -> Response:
    return await show(request, customer, number, Form(), before=before)


@router.post("/{number:number}", max_body_size=LONG_BODY)
async def follow_up(request: Request, number: int, customer: Customer, form: Typed) -> Response:
    """Reply, add a message, or resolve after a confirmation."""
    form.values.setdefault("text", "")
    if form["answer"] == threads.RESOLVE:
        return await confirm(request, customer, number, form)
    if form["answer"] == "files":
        await keep_draft(number, customer, form)
        return redirect(request, f"/fichiers/joindre?demande={number}")
    try:
        status = await send(customer, number, form)
    except Problem as problem:
        meanwhile = str(problem.context.get("last_author_name", ""))
        return await show(request, customer, number, form.refused(problem), meanwhile=meanwhile)
    return redirect(request, f"/mes-demandes/{number}", done=CONFIRMATIONS[status])


async def send(customer: SignedIn, number: int, form: Form) -> Status:
    """Send the text, or resolve with it as the last message; returns the new status."""
    if form["answer"] != threads.CONFIRM:
        message = await tickets.say(
            customer.gateway,
            number,
            text=form["text"],
            seen_position=seen(form),
            key=form.key,
            files=chosen(form),
        )
        return message.status_after
    # The question has a field of its own where it is asked over the page.
    last_word = form.values["text"] = form.values.pop("last_word", form["text"])
    if last_word.strip():
        await tickets.say(
            customer.gateway,
            number,
            text=last_word,
            seen_position=seen(form),
            resolve=True,
            key=form.key,
            files=chosen(form),
        )
    else:
        await tickets.resolve(customer.gateway, number)
    return Status.RESOLVED


def seen(form: Form) -> int | None:
    """The position of the last message that was shown when the answer was begun."""
    return whole(form["seen"])


@router.post("/{number:number}/brouillon", max_body_size=LONG_BODY)
async def keep_draft(number: int, customer: Customer, form: Typed) -> Response:
    """Save the draft, for this person on any device."""
    if form["text"].strip():
        draft = {"key": form.key, "text": form["text"], "seen_position": seen(form)}
        await tickets.keep_draft(customer.gateway, number, **draft)
    else:
        await tickets.empty_draft(customer.gateway, number)
    return Response(status_code=204)


async def show(
    request: Request,
    customer: SignedIn,
    number: int,
    form: Form,
    *,
    before: str | None = None,
    meanwhile: str = "",
) -> Response:
    """`meanwhile`: who answered while this form was filled in."""
    if before is None:
        thread = await tickets.thread(customer.gateway, number)
    else:
        thread = await tickets.earlier(customer.gateway, number, before)
    begun = take_draft(thread, form)
    return page(
        request,
        "mine/thread.html",
        person=customer,
        tab="home",
        status=form.status,
        facts={"number": number},
        form=form,
        ticket=thread.ticket,
        as_of=thread.as_of,
        entries=threads.transcript(thread, reader_is_staff=False),
        resolution=threads.resolution(thread),
        previous=thread.previous,
        is_last_page=before is None,
        answers=last_staff_name(thread),
        seen=last_position(thread) if meanwhile or begun is None else begun,
        begun=begun,
        meanwhile=meanwhile,
        **await filing(request, customer, thread.draft),
    )


def take_draft(thread: Thread, form: Form) -> int | None:
    """Fill an untouched form with the draft; returns the last message seen when it was begun."""
    draft = thread.draft
    if form.is_refused:
        return seen(form)
    if draft is None or not draft.text.strip():
        return None
    form.values.setdefault("text", draft.text)
    form.key = draft.key or form.key
    return draft.seen_position


def last_position(thread: Thread) -> int:
    return thread.messages[-1].position if thread.messages else 0


def last_staff_name(thread: Thread) -> str:
    """Whom a reply answers; empty while the request waits for staff."""
    if not thread.ticket.waiting_for_customer or not thread.messages:
        return ""
    return thread.messages[-1].author_name


async def confirm(request: Request, customer: SignedIn, number: int, form: Form) -> Response:
    """The confirmation as a page, for browsers without JavaScript."""
    thread = await tickets.thread(customer.gateway, number)
    if thread.ticket.status == Status.RESOLVED:
        return redirect(request, f"/mes-demandes/{number}")
    return page(
        request,
        "mine/resolve.html",
        person=customer,
        tab="home",
        form=form,
        ticket=thread.ticket,
    )
