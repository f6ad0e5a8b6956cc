"""Signed addresses of files, for one person and a short time."""

import hashlib
import hmac
import math
from uuid import UUID

from fastapi import Request

from chassis import clock
from contracts.tickets.api import FileForm
from web.shared.sessions import SignedIn

# An address is valid for one to two of these, in seconds, and the same for one: browsers keep what
# it leads to.
STEP = 900


class Addresses:
    """Signed addresses of files for one person: nobody else's cookie opens them."""

    def __init__(self, request: Request, person: SignedIn) -> None:
        self.secret = request.app.state.settings.web_secret.get_secret_value()
        self.person_id = person.id

    def __call__(self, file_id: UUID, form: str) -> str:
        until = (math.floor(clock.now().timestamp() / STEP) + 2) * STEP
        return f"/fichiers/{file_id}/{form}?{until}-{self.signature(file_id, form, until)}"

    def signature(self, file_id: UUID, form: str, until: int) -> str:
        signed = f"file:{self.person_id}:{file_id}:{form}:{until}".encode()
        return hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()[:32]

    def is_ours(self, file_id: UUID, form: FileForm, proof: str) -> tuple[bool, bool]:
        """Whether we signed it, and whether it is still valid."""
        until, _, signature = proof.partition("-")
        if not until.isdecimal() or len(until) > 12:
            return False, False
        right = hmac.compare_digest(signature, self.signature(file_id, form, int(until)))
        return right, right and clock.now().timestamp() < int(until)
