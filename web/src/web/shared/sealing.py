"""Encrypts what was typed when a session ended, so that only the same person gets it back."""

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken

OPENED_SECONDS = 24 * 3600


@dataclass(frozen=True)
class SealedForm:
    """The fields of somebody's form, and the address that it was sent to."""

    owner: UUID
    action: str
    values: dict[str, str]


def seal(secret: str, form: SealedForm) -> str:
    """Goes into the sign-in form; whoever sees that page can read nothing in it."""
    content = json.dumps([str(form.owner), form.action, form.values])
    return box(secret).encrypt(zlib.compress(content.encode())).decode()


def unseal(secret: str, sealed: str) -> SealedForm | None:
    """None if we did not encrypt it, or more than a day ago."""
    try:
        content = zlib.decompress(box(secret).decrypt(sealed, ttl=OPENED_SECONDS))
    except (InvalidToken, ValueError):  # the latter for what is no ASCII
        return None
    owner, action, values = json.loads(content)
    return SealedForm(owner=UUID(owner), action=action, values=values)


def box(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"kept:" + secret.encode()).digest()))
