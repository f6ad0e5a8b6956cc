"""What a domain's routes may be, so that they are found by how an address begins."""

import pytest
from fastapi import APIRouter
from starlette.routing import Mount

from web.shared.routing import Pages


async def nothing() -> None:
    """Answers nobody."""


def part(path: str, **own) -> APIRouter:
    router = APIRouter(**own)
    router.add_api_route(path, nothing)
    return router


def test_pages_hold_their_parts_routes():
    pages = Pages(Pages(part("/ventes/{number}")), part("", prefix="/comptoir"))
    assert pages.begin == {"ventes", "comptoir"}


def with_socket() -> APIRouter:
    router = APIRouter()
    router.add_api_websocket_route("/en-direct", nothing)
    return router


def including() -> APIRouter:
    router = APIRouter()
    router.include_router(part("/ventes"))
    return router


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        (part("/{name}/rest"), "begins with a parameter"),
        (part("/n{name}"), "begins with a parameter"),
        (APIRouter(routes=[Mount("/static", routes=[])]), "is not a page"),
        (with_socket(), "is not a page"),
        (including(), "is not a page"),
        (part("/ventes", max_body_size=1_000), "max_body_size"),
        (part("/ventes", form_limits={"max_fields": 3}), "form_limits"),
        (part("/ventes", lifespan=lambda _: nothing()), "lifespan"),
    ],
)
def test_what_would_never_be_asked_is_refused(lost, why):
    with pytest.raises(TypeError, match=why):
        Pages(lost)
