"""What every route of every service and of the web has in common."""

import importlib
import inspect
from collections.abc import Callable, Iterator

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from chassis.monitoring.health import health_routes
from chassis.monitoring.metrics import metrics_routes
from contracts.topology import CONTEXTS
from web.app import DOMAINS
from web.shared import assets

ROUTERS = {
    **{name: importlib.import_module(f"{name}.routes").router for name in CONTEXTS},
    **{domain.__name__: domain.router for domain in DOMAINS},
    "web.assets": assets.router,
    "chassis.monitoring.health": health_routes({}),
    "chassis.monitoring.metrics": metrics_routes(),
}


def routes_of(router: APIRouter) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif included := getattr(route, "original_router", None):
            yield from routes_of(included)


def called(dependant: Dependant) -> Iterator[Callable[..., object]]:
    if dependant.call is not None:
        yield dependant.call
    for below in dependant.dependencies:
        yield from called(below)


def goes_to_a_thread(call: Callable[..., object]) -> bool:
    """As FastAPI decides; an object that is called counts by its `__call__`."""
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    return not any(is_kind(each) for each in (call, type(call).__call__) for is_kind in kinds)


@pytest.mark.parametrize("name", ROUTERS)
def test_no_route_and_no_dependency_is_sent_to_a_thread(name):
    """What is no `async def` costs 0.1 ms each time, and more of it than threads waits for one."""
    routes = [*routes_of(ROUTERS[name])]
    found = {
        f"{route.path}: {call}"
        for route in routes
        for call in called(route.dependant)
        if goes_to_a_thread(call)
    }
    assert routes
    assert not found
