"""Whoever has signed in, as identity tells web."""

from collections.abc import Mapping
from uuid import UUID, uuid4

import httpx
import jwt

SECRET = "a secret that nobody checks in these tests"


def claims_of(role: str, name: str, id: UUID | str | None = None) -> dict[str, str]:
    """Those of a token, with a session of the same id as the person, new without one."""
    sub = str(id or uuid4())
    return {
        "sub": sub, "sid": sub, "role": role, "name": name, "given_name": name.split(maxsplit=1)[0]
    }  # fmt: skip


def token_for(claims: Mapping[str, object]) -> httpx.Response:
    """The answer to whoever shows a session."""
    token = jwt.encode(dict(claims), SECRET)
    return httpx.Response(200, json={"access_token": token, "expires_in": 60})
