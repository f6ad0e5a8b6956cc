"""The desk: a queue, one of its requests, and the context of that request."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from chassis import clock
from contracts.counts import COUNTED_MOST
from contracts.notifications.api import State
from contracts.paging import PAGE_MOST
from contracts.tickets.api import (
    Desk,
    MessageKind,
    StaffDraft,
    StaffMessage,
    StaffThread,
    StaffTickets,
    Status,
    TicketNumber,
)
from web.clients import catalog, files, notifications, tickets
from web.clients.gateway import Gateway, Problem, if_answered
from web.desk.views import (
    ORDERS,
    PRIORITIES,
    PRIORITY_CHIPS,
    PRIORITY_NAMES,
    QUEUES,
    At,
    DeskView,
)
from web.shared import sessions, threads, words
from web.shared.files.drafted import filing
from web.shared.forms import Form
from web.shared.rendering import page
from web.shared.sessions import SignedIn, SignInNeeded, Staff, WrongRole

router = APIRouter(prefix="/demandes")

PAGE = 25
# Of mail on older messages notifications has forgotten what became, unless set otherwise.
MAIL_REMEMBERED = timedelta(days=90)

CHOICES = {
    "orders": ORDERS,
    "priorities": PRIORITIES,
    "priority_names": PRIORITY_NAMES,
    "priority_chips": PRIORITY_CHIPS,
    "example_day": date(2026, 7, 9),  # of the legend
}

Before = Annotated[str | None, Query(alias="avant", description="Earlier messages than these.")]


@dataclass(frozen=True)
class Missed:
    """What was written while somebody was writing; `button` is the one they had pressed."""

    messages: list[StaffMessage]
    button: str


@router.get("")
async def desk(request: Request, staff: Staff, at: At) -> Response:
    return await show(request, staff, at)


@router.get("/{number:number}")
async def ticket(
    request: Request, number: int, staff: Staff, at: At, before: Before = None
) -> Response:
    return await show(request, staff, at, number=number, before=before)


@router.get("/{number:number}/ouverte")
async def opened(request: Request, number: int, staff: Staff, at: At) -> Response:
    """The request alone, for a page that already shows its queue."""
    shown = await tickets.desk_ticket(staff.gateway, number)
    _, delivered = await asyncio.gather(
        opened_now(staff.gateway, shown.thread),
        deliveries_of(request, staff.gateway, shown.thread),
    )
    return page(
        request,
        "desk/opened.html",
        person=staff,
        context=shown.context,
        **queue_facts(StaffTickets(tickets=[]), at, number),
        **about(shown.thread, delivered),
        **await files_of(request, staff, shown.thread),
    )


async def show(
    request: Request,
    staff: SignedIn,
    at: DeskView,
    *,
    number: int | None = None,
    form: Form | None = None,
    before: str | None = None,
    missed: Missed | None = None,
) -> Response:
    gateway = staff.gateway
    desk, narrowed = await asyncio.gather(
        desk_of(gateway, at, open=number, before=before), narrowing(gateway, at)
    )
    thread, queue, delivered = desk.thread, desk.queue, {}
    if thread:
        newly_opened, delivered = await asyncio.gather(
            opened_now(gateway, thread), deliveries_of(request, gateway, thread)
        )
        if newly_opened:
            queue = opened_in(queue, thread.ticket.number)
    facts = about(thread, delivered, form=form, before=before, missed=missed)
    return page(
        request,
        "desk/desk.html",
        person=staff,
        tab="desk",
        status=form.status if form else 200,
        facts={"number": number, "name": thread.ticket.customer_name if thread else ""},
        context=desk.context,
        **queue_facts(queue, at, number),
        **narrowed,
        **facts,
        **await files_of(request, staff, thread),
    )


# --- The queue --------------------------------------------------------------------------------


@router.get("/file")
async def queue_again(
    request: Request,
    at: At,
    number: Annotated[
        TicketNumber | None, Query(alias="ouverte", description="The open request.")
    ] = None,
    lines: Annotated[int, Query(alias="lignes", description="How many are shown.")] = PAGE,
    known_numbers: Annotated[
        list[TicketNumber],
        Query(alias="numero", max_length=PAGE_MOST, description="Those that changed."),
    ] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """The current queue, and which of the changed requests are in it.

    Scripts ask for it in the background: an ended session must not take anybody away from their
    text.
    """
    try:
        staff = await sessions.staff(await sessions.signed_in(request))
    except (SignInNeeded, WrongRole):
        return Response(status_code=204)
    desk, held = await asyncio.gather(
        desk_of(staff.gateway, at, limit=max(PAGE, min(lines, PAGE_MOST))),
        tickets.those_in_queue(staff.gateway, at.view, at.filters, known_numbers)
        if known_numbers
        else nothing(),
    )
    return page(
        request,
        "desk/queue/queue.html",
        person=staff,
        tab="desk",
        **queue_facts(desk.queue, at, number, held or []),
        **await narrowing(staff.gateway, at),
    )


async def desk_of(gateway: Gateway, at: DeskView, *, limit: int = PAGE, **opened: Any) -> Desk:
    """The queue, and the request that is open next to it."""
    return await tickets.desk(
        gateway,
        at.view,
        sort=at.sort,
        filters=at.filters,
        limit=limit,
        after=at.after or None,
        **opened,
    )


def queue_facts(
    listed: StaffTickets, at: DeskView, number: int | None, held: Sequence[int] = ()
) -> dict[str, Any]:
    """What the templates of the queue need; `held` are those in it that have just changed."""
    counts = listed.counts or {}
    return {
        "queues": [(name, label, counts.get(view, 0)) for name, (view, label) in QUEUES.items()],
        "unread": counts.get("unread", 0),
        "as_of": listed.as_of or "",
        "at": at,
        "listed": listed,
        "open_number": number,
        "held": held,
        **CHOICES,
    }


async def narrowing(gateway: Gateway, at: DeskView) -> dict[str, Any]:
    """The names of the active filters; without a name if its service does not answer."""
    if not (at.product or at.answered_by):
        return {"filter_product": None, "staff_names": [], "answered_by_name": ""}
    product, staff = await asyncio.gather(
        if_answered(catalog.product(gateway, UUID(at.product))) if at.product else nothing(),
        if_answered(tickets.staff_names(gateway)) if at.answered_by else nothing(),
    )
    names = staff.staff if staff else []
    by = next((each.name for each in names if str(each.id) == at.answered_by), "")
    return {"filter_product": product, "staff_names": names, "answered_by_name": by}


@router.get("/personnel")
async def who_may_have_answered(staff: Staff) -> Response:
    names = await tickets.staff_names(staff.gateway)
    return Response(names.model_dump_json(), media_type="application/json")


# --- One request ------------------------------------------------------------------------------


@router.get("/{number:number}/echange")
async def thread_again(request: Request, number: int, at: At) -> Response:
    """The current thread, for a page that shows it: not marked as read."""
    try:
        staff = await sessions.staff(await sessions.signed_in(request))
    except (SignInNeeded, WrongRole):
        return Response(status_code=204)
    thread = await tickets.staff_thread(staff.gateway, number)
    delivered = await deliveries_of(request, staff.gateway, thread)
    facts = queue_facts(StaffTickets(tickets=[]), at, number) | about(thread, delivered)
    facts |= await files_of(request, staff, thread)
    return page(request, "desk/thread_again.html", person=staff, **facts)


async def opened_now(gateway: Gateway, thread: StaffThread) -> bool:
    """No staff member had seen the customer's last message; now one has."""
    if not thread.ticket.unread or not thread.messages:
        return False
    await if_answered(
        tickets.mark_seen(gateway, thread.ticket.number, thread.messages[-1].position)
    )
    return True


def opened_in(queue: StaffTickets, number: int) -> StaffTickets:
    """The queue as it was read a moment ago, now that somebody has opened this request."""
    lines = [
        line.model_copy(update={"unread": line.unread and line.number != number})
        for line in queue.tickets
    ]
    counts = dict(queue.counts or {})
    if 0 < counts.get("unread", 0) <= COUNTED_MOST:
        counts["unread"] -= 1
    return queue.model_copy(update={"tickets": lines, "counts": counts})


async def deliveries_of(
    request: Request, gateway: Gateway, thread: StaffThread
) -> dict[UUID, State]:
    """The state of the newest mail on each message."""
    long_ago = clock.now() - MAIL_REMEMBERED
    if not request.app.state.settings.mail or not any(
        message.kind == MessageKind.STAFF and message.sent_at > long_ago
        for message in thread.messages
    ):
        return {}
    known = await if_answered(notifications.deliveries(gateway, thread.ticket.number))
    newest_last = reversed(known.deliveries) if known else []
    return {id: mail.state for mail in newest_last for id in mail.message_ids}


def due_mail(thread: StaffThread, delivered: dict[UUID, State]) -> set[UUID]:
    """Answers whose mail has not been sent yet, so that the page asks again."""
    just_now = clock.now() - timedelta(minutes=1)
    return {
        message.id
        for message in thread.messages
        if message.kind == MessageKind.STAFF
        and (
            delivered.get(message.id) == State.WAITING
            or (message.id not in delivered and message.sent_at > just_now)
        )
    }


def about(
    thread: StaffThread | None,
    delivered: dict[UUID, State],
    *,
    form: Form | None = None,
    before: str | None = None,
    missed: Missed | None = None,
) -> dict[str, Any]:
    """What the templates of the exchange need."""
    if thread is None:
        return {"ticket": None, "as_of_thread": ""}
    draft = thread.draft if form is None and before is None else None
    last = thread.messages[-1].position if thread.messages else 0
    return {
        "ticket": thread.ticket,
        "as_of_thread": thread.as_of,
        "entries": threads.transcript(thread, reader_is_staff=True),
        "resolution": threads.resolution(thread),
        "previous": thread.previous,
        "is_last_page": before is None,
        "last_position": last,
        "form": form or draft_form(draft, last),
        "is_draft": draft is not None,
        "missed": missed,
        "deliveries": delivered,
        "mail_due": due_mail(thread, delivered),
    }


async def files_of(request: Request, staff: SignedIn, thread: StaffThread | None) -> dict[str, Any]:
    """Those of the draft, and all of the request: read by themselves only for a long exchange."""
    shown = await filing(request, staff, thread.draft if thread else None)
    if thread is None:
        return shown | {"all_files": []}
    listed = [file for message in reversed(thread.messages) for file in message.files]
    if thread.previous:
        found = await if_answered(files.of_ticket(staff.gateway, thread.ticket.number))
        listed = list(found.files) if found else listed
    return shown | {"all_files": listed}


def draft_form(draft: StaffDraft | None, last_position: int) -> Form:
    """The draft of this request, from whatever device."""
    values = {"text": "", "kind": "reply", "minutes": "", "seen_position": str(last_position)}
    if draft is None or not draft.text:
        return Form(values=values)
    values |= {"text": draft.text, "kind": draft.kind}
    if draft.minutes is not None:
        values["minutes"] = str(draft.minutes)
    if draft.seen_position is not None:
        values["seen_position"] = str(draft.seen_position)
    form = Form(values=values)
    form.key = draft.key or form.key
    return form


async def nothing() -> None:
    """Nobody needs to be asked."""


async def confirm(
    request: Request, staff: SignedIn, number: int, form: Form, at: DeskView
) -> Response:
    """The confirmation as a page, for browsers without JavaScript."""
    thread = await tickets.staff_thread(staff.gateway, number)
    if thread.ticket.status == Status.RESOLVED:
        return await show(
            request, staff, at, number=number, form=form.refused(Problem(409, "ticket_resolved"))
        )
    return page(
        request,
        "desk/resolve.html",
        person=staff,
        tab="desk",
        form=form,
        ticket=thread.ticket,
        back=at.address(number),
    )


def minutes_of(form: Form) -> int | None:
    """The time spent as typed; an error at its field if it cannot be parsed."""
    typed = form["minutes"].strip()
    if not typed:
        return None
    if not typed.isdecimal() or len(typed) > 4:
        form.refuse("minutes", words.refusal("int_parsing", field="minutes"))
        return None
    return int(typed)
