"""Who may call, and what several routes take."""

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from chassis.auth import Caller, only
from chassis.database import Database
from contracts.identity.roles import SERVICE, STAFF, Role
from contracts.text import Body
from identity.passwords import Passwords
from identity.settings import Settings
from identity.tokens import SigningKeys

Staff = Annotated[Caller, Depends(only(*STAFF))]
Administrator = Annotated[Caller, Depends(only(Role.ADMINISTRATOR))]
Customer = Annotated[Caller, Depends(only(Role.CUSTOMER))]
Service = Annotated[Caller, Depends(only(SERVICE))]


NO_BODY = Body()  # what `once` compares where a request has none


def identity_router() -> APIRouter:
    return APIRouter(prefix="/api/identity", tags=["identity"])


def database_of(request: Request) -> Database:
    return request.app.state.database


def passwords_of(request: Request) -> Passwords:
    return request.app.state.passwords


def keys_of(request: Request) -> SigningKeys:
    return request.app.state.keys


def settings_of(request: Request) -> Settings:
    return request.app.state.settings


def browser_address(request: Request) -> str:
    """The network address of the browser, for slow-downs: web tells it, or else the gateway.

    One household or office has a /64 of IPv6: that counts as one.
    """
    for said in addresses_said(request):
        with suppress(ValueError):
            address = ipaddress.ip_address(said.strip())
            if isinstance(address, ipaddress.IPv6Address):
                address = address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False)
            return str(address)
    return "unknown"


def addresses_said(request: Request) -> Iterator[str]:
    if request.app.state.settings.browser_address_header:
        yield request.headers.get("X-Guichet-Browser-Address", "")
    yield ",".join(request.headers.getlist("X-Forwarded-For")).rpartition(",")[2]
    if request.client is not None:
        yield request.client.host


# What checks passwords takes these: it holds no connection while it does.
TheDatabase = Annotated[Database, Depends(database_of)]
ThePasswords = Annotated[Passwords, Depends(passwords_of)]
TheKeys = Annotated[SigningKeys, Depends(keys_of)]
TheSettings = Annotated[Settings, Depends(settings_of)]
BrowserAddress = Annotated[str, Depends(browser_address)]
