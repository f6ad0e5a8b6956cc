"""What pages need to show the files of a draft, and what a form sends along."""

import time
from typing import Any
from uuid import UUID

from fastapi import Request

from contracts.tickets.api import Draft, FileLimits, FileState
from web.clients import files
from web.clients.gateway import if_answered
from web.shared.files.addresses import Addresses
from web.shared.forms import Form
from web.shared.sessions import SignedIn

LIMITS_SECONDS = 300


async def limits_of(request: Request, person: SignedIn) -> FileLimits | None:
    """Read again from time to time; None, without a field for files, where tickets is silent."""
    known, read_at = getattr(request.app.state, "file_limits", (None, float("-inf")))
    if known is None or time.monotonic() - read_at > LIMITS_SECONDS:
        known = await if_answered(files.limits(person.gateway)) or known
        request.app.state.file_limits = known, time.monotonic()
    return known


async def filing(request: Request, person: SignedIn, draft: Draft | None) -> dict[str, Any]:
    """What the templates need to show files, and those that will be sent with this draft."""
    drafted = draft.files if draft else []
    return {
        "drafted": drafted,
        "drafted_ids": ",".join(
            str(file.id) for file in drafted if file.state != FileState.REFUSED
        ),
        "file_limits": await limits_of(request, person),
        "file_address": Addresses(request, person),
    }


def chosen(form: Form) -> list[str]:
    """The ids of the files that a form sends along, as its hidden field lists them."""
    return [file_id for file_id in form["files"].split(",") if is_id(file_id)]


def is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
