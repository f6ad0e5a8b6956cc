"""What staff do in a request: reply, note, resolve, prioritise."""

from dataclasses import replace
from uuid import UUID, uuid5

from fastapi import APIRouter, Request, Response

from chassis.http.bodies import LONG_BODY
from contracts.tickets.api import Status
from web.clients import tickets
from web.clients.gateway import Problem
from web.desk.desk import Missed, confirm, minutes_of, show
from web.desk.drafts import keep_draft
from web.desk.views import PRIORITIES, At, DeskView
from web.shared import threads, words
from web.shared.files.drafted import chosen
from web.shared.forms import Form, Typed
from web.shared.rendering import redirect
from web.shared.sessions import SignedIn, Staff
from web.shared.text.language import _
from web.shared.text.numbers import whole

router = APIRouter(prefix="/demandes")

NOTE = "note"
TYPED = ("text", "kind", "minutes", "seen_position")


@router.post("/{number:number}", max_body_size=LONG_BODY)
async def answer(request: Request, number: int, staff: Staff, form: Typed, at: At) -> Response:
    """Reply, reply and resolve (after a confirmation), or note; stopped once if somebody wrote
    meanwhile.

    « Envoyer quand même » sends it, whatever else was written.
    """
    for name in TYPED:
        form.values.setdefault(name, "")
    button = form["anyway"] or form["answer"]
    if button == threads.RESOLVE:
        return await confirm(request, staff, number, form, at)
    if button == "files":
        await keep_draft(number, staff, form)
        return redirect(request, f"/fichiers/joindre?demande={number}")
    minutes = minutes_of(form)
    if form.is_refused:
        return await show(request, staff, at, number=number, form=form)
    try:
        done = await send(staff, number, form, button, minutes)
    except Problem as problem:
        if problem.code == "answered_meanwhile":
            return await show_missed(request, staff, at, number, form=form, button=button)
        return await show(request, staff, at, number=number, form=form.refused(problem))
    return redirect(request, at.address(number), done=done)


async def send(staff: SignedIn, number: int, form: Form, button: str, minutes: int | None) -> str:
    """What the button says; returns the name of the sentence about it.

    Time spent belongs to a message: resolved without a reply, it goes into a note.
    """
    composed = tickets.Composed(
        text=form["text"],
        minutes=minutes,
        seen_position=whole(form["seen_position"]),
        send_anyway=bool(form["anyway"]),
        files=chosen(form),
    )
    if button == NOTE:
        await tickets.add_note(staff.gateway, number, composed, key=form.key)
        return "note_added"
    if button == threads.CONFIRM and not form["text"].strip():
        if minutes:
            said = _(words.RESOLVED_WITHOUT_REPLY)
            note = replace(composed, text=said, send_anyway=True, files=[])
            # A key of its own: what is typed next, should this fail, is not yet sent.
            note_key = str(uuid5(UUID(form.key), NOTE))
            await tickets.add_note(staff.gateway, number, note, key=note_key)
        await tickets.resolve(staff.gateway, number)
        return "resolved"
    resolve = button == threads.CONFIRM
    sent = await tickets.reply(staff.gateway, number, composed, resolve=resolve, key=form.key)
    return "resolved" if resolve or sent.status_after == Status.RESOLVED else "reply_sent_to"


async def show_missed(
    request: Request, staff: SignedIn, at: DeskView, number: int, *, form: Form, button: str
) -> Response:
    """The text is still there; above it, what was written meanwhile."""
    seen = whole(form["seen_position"]) or 0
    since = await tickets.staff_messages(staff.gateway, number, since=seen)
    form.status = 409
    if since.messages:
        form.values["seen_position"] = str(since.messages[-1].position)
    missed = Missed(messages=since.messages, button=button)
    return await show(request, staff, at, number=number, form=form, missed=missed)


@router.post("/{number:number}/priorite")
async def prioritise(request: Request, number: int, staff: Staff, form: Typed, at: At) -> Response:
    if form["priority"] in PRIORITIES:
        priority, _ = PRIORITIES[form["priority"]]
        try:
            await tickets.prioritise(staff.gateway, number, priority)
        except Problem as problem:
            return await show(request, staff, at, number=number, form=form.refused(problem))
    return redirect(request, at.address(number), done="prioritised")


@router.post("/{number:number}/lu")
async def mark_seen(number: int, staff: Staff, form: Typed) -> Response:
    """A message that arrived while the request was open has now been read."""
    if (seen := whole(form["seen_position"])) is not None:
        await tickets.mark_seen(staff.gateway, number, seen)
    return Response(status_code=204)
