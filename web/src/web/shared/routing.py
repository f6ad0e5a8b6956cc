"""Routes by domain, so that few are tried for each address."""

from fastapi import APIRouter
from starlette.routing import Match, Route
from starlette.types import Scope


class Pages(APIRouter):
    """The routes of these parts, side by side.

    FastAPI tries the routes of every router, and of nested ones again at each level: for most
    addresses that was two fifths of its own time. A domain is tried only where an address begins
    as one of its own does.
    """

    def __init__(self, *parts: APIRouter) -> None:
        super().__init__()
        self.routes += [route for part in parts for route in part.routes]
        self.begin = {first_of(route.path) for route in self.routes if isinstance(route, Route)}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if first_of(scope["path"]) not in self.begin:
            return Match.NONE, {}
        return super().matches(scope)


def first_of(path: str) -> str:
    """« demandes » of « /demandes/1042 »"""
    return path[1:].partition("/")[0]
