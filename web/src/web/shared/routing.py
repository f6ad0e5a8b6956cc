"""Routes by domain, so that few are tried for each address."""

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

OF_A_WHOLE_ROUTER = ("max_body_size", "form_limits", "on_startup", "on_shutdown")


class Pages(APIRouter):
    """The routes of these parts, side by side.

    FastAPI tries the routes of every router, and of nested ones again at each level: for most
    addresses that was two fifths of its own time. A domain is tried only where an address begins
    as one of its own does. Raises `TypeError` for what would be lost by that.
    """

    def __init__(self, *parts: APIRouter) -> None:
        super().__init__()
        self.routes += [route for part in parts for route in part.routes]
        self.begin = {first_of(literal(route)) for route in self.routes}
        for part in parts:
            self.refuse_settings(part)

    def refuse_settings(self, part: APIRouter) -> None:
        """Only a part's routes are taken over, with what they know themselves."""
        lost = [name for name in OF_A_WHOLE_ROUTER if getattr(part, name) != getattr(self, name)]
        if type(part.lifespan_context) is not type(self.lifespan_context):
            lost.append("lifespan")
        if lost:
            raise TypeError(f"a part's own {', '.join(lost)} would be lost: set it on each route")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if first_of(scope["path"]) not in self.begin:
            return Match.NONE, {}
        return super().matches(scope)


def literal(route: BaseRoute) -> str:
    """The path of a route that is found by how it begins."""
    if not isinstance(route, Route):
        raise TypeError(f"{route!r} is not a page: include it in the app itself")
    if "{" in first_of(route.path):
        raise TypeError(f"{route.path} begins with a parameter: include it in the app itself")
    return route.path


def first_of(path: str) -> str:
    """« demandes » of « /demandes/1042 »"""
    return path[1:].partition("/")[0]
