"""Dependencies of several routes."""

import ipaddress
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from chassis.data.database import Database, Transaction
from chassis.http.auth import Caller, only
from contracts.identity.roles import SERVICE, STAFF, Role
from contracts.text import Body
from identity.operations import sessions
from identity.passwords import Passwords
from identity.settings import Settings
from identity.tokens import SigningKeys

NO_BODY = Body()  # what `once` compares where a request has none


def identity_router() -> APIRouter:
    return APIRouter(prefix="/api/identity", tags=["identity"])


async def database_of(request: Request) -> Database:
    return request.app.state.database


def signed_in(*roles: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: one of these roles, checked against the session itself rather than the token.

    401 `session_ended` where session, account or role have changed since the token was signed.
    """

    async def check(
        session: Transaction, caller: Annotated[Caller, Depends(only(*roles))]
    ) -> Caller:
        await sessions.require_open(session, caller)
        return caller

    return check


def signed_in_apart(*roles: str) -> Callable[..., Awaitable[Caller]]:
    """The same without holding a connection afterwards, for routes that check passwords."""

    async def check(request: Request, caller: Annotated[Caller, Depends(only(*roles))]) -> Caller:
        async with request.app.state.database.transaction() as session:
            await sessions.require_open(session, caller)
        return caller

    return check


async def passwords_of(request: Request) -> Passwords:
    return request.app.state.passwords


async def keys_of(request: Request) -> SigningKeys:
    return request.app.state.keys


async def settings_of(request: Request) -> Settings:
    return request.app.state.settings


async def browser_address(request: Request) -> str:
    """The browser's network address, for slow-downs: from web, or else from the gateway.

    A household or office has an IPv6 /64: that counts as one address.
    """
    for candidate in possible_addresses(request):
        with suppress(ValueError):
            address = ipaddress.ip_address(candidate.strip())
            if isinstance(address, ipaddress.IPv6Address):
                address = address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False)
            return str(address)
    return "unknown"


def possible_addresses(request: Request) -> Iterator[str]:
    if request.app.state.settings.browser_address_header:
        yield request.headers.get("X-Guichet-Browser-Address", "")
    yield ",".join(request.headers.getlist("X-Forwarded-For")).rpartition(",")[2]
    if request.client is not None:
        yield request.client.host


Anyone = Annotated[Caller, Depends(signed_in(*Role))]
AnyoneApart = Annotated[Caller, Depends(signed_in_apart(*Role))]
Staff = Annotated[Caller, Depends(signed_in(*STAFF))]
StaffApart = Annotated[Caller, Depends(signed_in_apart(*STAFF))]
Administrator = Annotated[Caller, Depends(signed_in(Role.ADMINISTRATOR))]
Customer = Annotated[Caller, Depends(signed_in(Role.CUSTOMER))]
CustomerApart = Annotated[Caller, Depends(signed_in_apart(Role.CUSTOMER))]
WithToken = Annotated[Caller, Depends(only(*Role))]
Service = Annotated[Caller, Depends(only(SERVICE))]

# What checks passwords takes these: it holds no connection while it does.
TheDatabase = Annotated[Database, Depends(database_of)]
ThePasswords = Annotated[Passwords, Depends(passwords_of)]
TheKeys = Annotated[SigningKeys, Depends(keys_of)]
TheSettings = Annotated[Settings, Depends(settings_of)]
BrowserAddress = Annotated[str, Depends(browser_address)]
