"""Asks identity and catalog for a customer or product whose event may not have arrived yet."""

from http import HTTPStatus
from typing import TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel

from chassis.errors import Unavailable
from chassis.http.auth import Caller
from chassis.http.client import Gateway, Problem
from contracts.catalog.api import Product
from contracts.identity.api import Customer

TIMEOUT_SECONDS = 1

B_ = TypeVar("B_", bound=BaseModel)


class NotKnownYet(Unavailable):
    """The other service did not answer; try again soon."""

    code = "not_known_yet"


async def customer(http: httpx.AsyncClient, caller: Caller, customer_id: UUID) -> Customer | None:
    return await ask(http, caller, f"/api/identity/customers/{customer_id}", Customer)


async def product(http: httpx.AsyncClient, caller: Caller, product_id: UUID) -> Product | None:
    return await ask(http, caller, f"/api/catalog/products/{product_id}", Product)


async def ask(http: httpx.AsyncClient, caller: Caller, path: str, kind: type[B_]) -> B_ | None:
    """Ask once, on the caller's behalf; None only for a 404 of the service itself."""
    gateway = Gateway(http, access_token=caller.token, seconds=TIMEOUT_SECONDS)
    try:
        return await gateway.get(path, kind)
    except Problem as problem:
        # A gateway without a route answers 404 as well, but not with one of our problems.
        if problem.status == HTTPStatus.NOT_FOUND and problem.is_own:
            return None
        raise NotKnownYet("its owner cannot be asked now: try again", retry_after=1) from problem
