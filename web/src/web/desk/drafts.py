"""Drafts of staff, saved while they type and available on any device."""

from fastapi import APIRouter, Response

from chassis.http.bodies import LONG_BODY
from web.clients import tickets
from web.desk.desk import minutes_of
from web.shared.forms import Typed
from web.shared.sessions import Staff
from web.shared.text.numbers import whole

router = APIRouter(prefix="/demandes")


@router.post("/{number:number}/brouillon", max_body_size=LONG_BODY)
async def keep_draft(number: int, staff: Staff, form: Typed) -> Response:
    """From scripts only; a time that cannot be parsed yet must not lose the text."""
    if not form["text"].strip():
        await tickets.empty_draft(staff.gateway, number)
    else:
        await tickets.keep_draft(
            staff.gateway,
            number,
            key=form.key,
            text=form["text"],
            kind="note" if form["kind"] == "note" else "reply",
            minutes=minutes_of(form),
            seen_position=whole(form["seen_position"]),
        )
    return Response(status_code=204)
