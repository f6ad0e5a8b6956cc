"""The session's cookie, and the access token it is exchanged for."""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated
from uuid import UUID

import jwt
from fastapi import Depends, Request, Response

from chassis import clock
from contracts.identity.api import BROWSER_LENGTH, OpenedSession
from contracts.identity.roles import STAFF, Role
from web.clients import identity
from web.clients.gateway import Gateway, Problem
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.browser.request_headers import Header, browser_address, has, read
from web.shared.text.language import speak

CACHED_MOST = 10_000
WHOLE_SECONDS = timedelta(seconds=3)  # tokens have theirs in whole seconds
SPARE_SECONDS = 10  # a token is renewed this long before it ends


def is_over_the_page(request: Request) -> bool:
    """Requested by a script of a page that stays open."""
    return has(request, Header.PAGE_OF)


class SignInNeeded(Exception):
    """Nobody is signed in, or (`expired`) no longer."""

    def __init__(self, *, expired: bool) -> None:
        super().__init__()
        self.expired = expired


class WrongRole(Exception):
    """The person's role may not see this page, which is for `whose`."""

    def __init__(self, whose: str) -> None:
        super().__init__()
        self.whose = whose


@dataclass(frozen=True)
class Access:
    """Identity's answer for a session, valid for less than a minute."""

    token: str = field(repr=False)
    id: UUID
    role: Role
    name: str
    first_name: str
    session_id: UUID
    language: str | None
    good_until: float


@dataclass(frozen=True)
class SignedIn:
    """The person at the browser; `gateway` makes calls on their behalf."""

    id: UUID
    role: Role
    name: str
    first_name: str
    session_id: UUID
    session_token: str = field(repr=False)
    gateway: Gateway

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF


class AccessTokens:
    """Exchanges session tokens for access tokens; a bounded cache by hash."""

    def __init__(self) -> None:
        self.known: OrderedDict[bytes, Access] = OrderedDict()

    async def access(self, gateway: Gateway, session_token: str) -> Access:
        """Raises `SignInNeeded` if identity no longer knows the session."""
        name = hashlib.sha256(session_token.encode()).digest()
        access = self.known.get(name)
        if access is None or access.good_until < time.monotonic():
            access = await exchange(gateway, session_token)
            self.known[name] = access
        self.known.move_to_end(name)
        while len(self.known) > CACHED_MOST:
            self.known.popitem(last=False)
        return access

    async def renewed(self, gateway: Gateway, session_token: str, refused: str) -> str:
        """Another token than the one that was refused; a concurrent call may have fetched it
        already.
        """
        known = self.known.get(hashlib.sha256(session_token.encode()).digest())
        if known is not None and known.token == refused:
            self.forget(session_token)
        return (await self.access(gateway, session_token)).token

    def forget(self, session_token: str) -> None:
        self.known.pop(hashlib.sha256(session_token.encode()).digest(), None)


async def exchange(gateway: Gateway, session_token: str) -> Access:
    asked_at, asked = time.monotonic(), datetime.now(UTC)
    try:
        answer = await identity.access_token(gateway, session_token)
    except Problem as problem:
        if problem.status == 401:
            raise SignInNeeded(expired=True) from problem
        raise
    # Identity itself handed this over; the services check its signature.
    claims = jwt.decode(answer.access_token, options={"verify_signature": False})
    if (signed := claims.get("iat")) is not None:
        at = datetime.fromtimestamp(signed, UTC)
        clock.process_clock.compare(asked, at, datetime.now(UTC), noise=WHOLE_SECONDS)
    return Access(
        token=answer.access_token,
        id=UUID(claims["sub"]),
        role=Role(claims["role"]),
        name=claims["name"],
        first_name=claims["given_name"],
        session_id=UUID(claims["sid"]),
        language=claims.get("locale"),
        good_until=asked_at + max(0, answer.expires_in - SPARE_SECONDS),
    )


def browser(request: Request) -> Gateway:
    """Calls on behalf of this browser, before anybody has signed in."""
    return Gateway(
        http=request.app.state.http,
        headers={
            "X-Guichet-Browser-Address": browser_address(request),
            "User-Agent": read(request, Header.USER_AGENT)[:400] or "unknown",
        },
    )


async def signed_in(request: Request) -> SignedIn:
    """Who is signed in; raises `SignInNeeded`."""
    session_token = cookies.read(request, Cookie.SESSION)
    if not session_token:
        raise SignInNeeded(expired=False)
    return await person_of(request, session_token)


async def person_of(request: Request, session_token: str) -> SignedIn:
    tokens: AccessTokens = request.app.state.access_tokens
    gateway = browser(request)
    access = await tokens.access(gateway, session_token)
    speak(access.language)
    person = SignedIn(
        id=access.id,
        role=access.role,
        name=access.name,
        first_name=access.first_name,
        session_id=access.session_id,
        session_token=session_token,
        gateway=gateway.on_behalf(
            access.token, partial(tokens.renewed, gateway, session_token, access.token)
        ),
    )
    request.state.person = person  # for error pages, which still show who is signed in
    return person


async def reader(request: Request) -> SignedIn:
    """An open page gets nothing that belongs to whoever signed in after its reader."""
    person = await signed_in(request)
    if is_over_the_page(request) and read(request, Header.PAGE_OF) != str(person.id):
        raise SignInNeeded(expired=False)
    return person


Person = Annotated[SignedIn, Depends(reader)]


async def customer(person: Person) -> SignedIn:
    if person.is_staff:
        raise WrongRole("customers")
    return person


async def staff(person: Person) -> SignedIn:
    if not person.is_staff:
        raise WrongRole("staff")
    return person


async def administrator(person: Person) -> SignedIn:
    if person.role != Role.ADMINISTRATOR:
        raise WrongRole("administrators" if person.is_staff else "staff")
    return person


async def verified_administrator(person: Person) -> SignedIn:
    """Checked with identity, for what this process shows without asking a service."""
    await identity.check_session((await administrator(person)).gateway)
    return person


Customer = Annotated[SignedIn, Depends(customer)]
Staff = Annotated[SignedIn, Depends(staff)]
Administrator = Annotated[SignedIn, Depends(administrator)]
VerifiedAdministrator = Annotated[SignedIn, Depends(verified_administrator)]


def remember(request: Request, response: Response, opened: OpenedSession) -> None:
    """Identity decides when a session ends, and extends it with every use."""
    cookies.give(request, response, Cookie.SESSION, opened.token)
    if opened.browser:
        cookies.give(request, response, Cookie.BROWSER, opened.browser)


def known_browser(request: Request) -> str:
    """Empty if the cookie cannot be one that identity has set."""
    given = cookies.read(request, Cookie.BROWSER)
    return given if len(given) <= BROWSER_LENGTH else ""


def forget(request: Request, response: Response) -> None:
    """Forget the session in the browser and in this process; the caller tells identity."""
    forget_token(request)
    cookies.take_back(request, response, Cookie.SESSION)


def forget_token(request: Request) -> None:
    tokens: AccessTokens = request.app.state.access_tokens
    tokens.forget(cookies.read(request, Cookie.SESSION))
