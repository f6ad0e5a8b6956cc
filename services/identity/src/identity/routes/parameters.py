"""Dependencies of several routes."""

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

from fastapi import Depends, Request

from chassis.data.database import Database
from chassis.http.auth import Caller, require_role
from chassis.http.session_check import require_session
from contracts.identity.roles import SERVICE, STAFF, Role
from contracts.text import Body
from identity.passwords import Passwords
from identity.settings import Settings
from identity.tokens import SigningKeys

NO_BODY = Body()  # what `once` compares where a request has none


async def database_of(request: Request) -> Database:
    return request.app.state.database


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


# By the session itself: identity waits for no token to end, and holds no connection afterwards.
Anyone = Annotated[Caller, Depends(require_session(*Role))]
Staff = Annotated[Caller, Depends(require_session(*STAFF))]
Administrator = Annotated[Caller, Depends(require_session(Role.ADMINISTRATOR))]
Customer = Annotated[Caller, Depends(require_session(Role.CUSTOMER))]
WithToken = Annotated[Caller, Depends(require_role(*Role))]
Service = Annotated[Caller, Depends(require_role(SERVICE))]

# What checks passwords takes these: it holds no connection while it does.
TheDatabase = Annotated[Database, Depends(database_of)]
ThePasswords = Annotated[Passwords, Depends(passwords_of)]
TheKeys = Annotated[SigningKeys, Depends(keys_of)]
TheSettings = Annotated[Settings, Depends(settings_of)]
BrowserAddress = Annotated[str, Depends(browser_address)]
