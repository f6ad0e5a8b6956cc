"""Sign in, exchange a session for access tokens, sign out."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from chassis.data.database import Reading, Transaction
from chassis.errors import Unauthenticated
from chassis.http.routing import Routes
from contracts.identity import api
from identity import tokens
from identity.operations import sessions
from identity.queries import accounts
from identity.routes.parameters import (
    Anyone,
    BrowserAddress,
    TheDatabase,
    TheKeys,
    ThePasswords,
    TheSettings,
    WithToken,
)

router = Routes("identity")

session_bearer = HTTPBearer(
    scheme_name="Session", auto_error=False, description="The token of an opened session."
)
SessionToken = Annotated[HTTPAuthorizationCredentials | None, Depends(session_bearer)]
UserAgent = Annotated[str, Header()]


@router.post("/sessions", status_code=201)
async def sign_in(
    *,
    given: api.NewSession,
    database: TheDatabase,
    passwords: ThePasswords,
    settings: TheSettings,
    keys: TheKeys,
    address: BrowserAddress,
    user_agent: UserAgent = "",
) -> api.OpenedSession:
    """Open a session; after some failures 429 `too_many_attempts` with growing waits.

    With the `browser` of an earlier answer, only failures in that browser count.
    """
    browser = await keys.browser(given.browser)
    opened = await sessions.sign_in(
        database,
        passwords,
        given,
        address=address,
        user_agent=user_agent,
        browser=browser,
        lifetime=settings.session_lifetime,
    )
    signer = await keys.current()
    known = signer.browser_token(browser.after(opened.account.id))
    return opened.model_copy(update={"browser": known})


@router.post("/tokens")
async def exchange_token(
    token: SessionToken, session: Transaction, settings: TheSettings, keys: TheKeys
) -> api.AccessToken:
    """Exchange a session's token for one that every service accepts, for a minute."""
    if token is None:
        raise Unauthenticated("the token of a session is required")
    signer = await keys.current()
    account, opened = await sessions.go_on(session, token.credentials, settings.session_lifetime)
    return api.AccessToken(
        access_token=signer.access_token(account, opened.id), expires_in=tokens.ACCESS_SECONDS
    )


@router.get("/sessions")
async def my_sessions(caller: Anyone, reader: Reading) -> api.Sessions:
    """All sessions on one page: a person has at most 20."""
    found = await accounts.open_sessions(reader, caller.id, current=caller.session_id)
    return api.Sessions(sessions=found)


@router.get("/sessions/current", status_code=204)
async def check_session(_: Anyone) -> None:
    """Answers 204 while the session is valid: for services to which an old token is not enough."""


@router.delete("/sessions/current", status_code=204)
async def sign_out(caller: WithToken, session: Transaction) -> None:
    """Close a session. Idempotent: it may have ended already."""
    await sessions.close_session(session, caller, caller.session_id)


@router.delete("/sessions/{session_id}", status_code=204)
async def close_session(session_id: UUID, caller: Anyone, session: Transaction) -> None:
    await sessions.close_session(session, caller, session_id)


@router.delete("/sessions")
async def close_other_sessions(caller: Anyone, session: Transaction) -> api.Closed:
    """Close all sessions but the caller's."""
    return api.Closed(closed=await sessions.close_other_sessions(session, caller))


@router.get("/keys")
async def published_keys(keys: TheKeys) -> api.Keys:
    """The public keys of tokens, as a JSON Web Key Set."""
    return api.Keys(keys=[tokens.published(key) for key in await keys.read()], now=keys.now())
