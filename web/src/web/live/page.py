"""The live stream, and what a page missed before it was connected."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from chassis.http.answering import STREAMED
from web.clients import tickets
from web.clients.gateway import Gateway, Problem
from web.live import stream as live
from web.shared import sessions
from web.shared.sessions import SignInNeeded

router = APIRouter(prefix="/en-direct")

Since = Annotated[str, Query(alias="depuis", description="The `as_of` of what is shown.")]
LastEventId = Annotated[str, Header(description="It wins over `depuis`.")]


@router.get("")
async def stream(request: Request, since: Since = "", last_event_id: LastEventId = "") -> Response:
    """Server-sent events: `change` and `everything` from tickets, `ready` at each start, `alive` in
    between, `ended` when nobody is signed in any more.
    """

    async def sign_in() -> Gateway:
        person = await sessions.signed_in(request)
        return replace(person.gateway, http=request.app.state.live_http)

    return StreamingResponse(
        live.news(sign_in, last_event_id or since),
        media_type="text/event-stream",
        headers=STREAMED,
    )


@router.get("/depuis")
async def missed(request: Request, since: Annotated[str, Query(alias="moment")]) -> Response:
    """The changes since then, for a page that joined another tab's stream too late."""
    try:
        person = await sessions.signed_in(request)
        changes = await tickets.changes(person.gateway, since)
    except SignInNeeded:
        return Response(status_code=401)
    except Problem as problem:
        return Response(status_code=problem.status)
    return Response(changes.model_dump_json(), media_type="application/json")
