"""The web frontend on its own: real templates and assets, and a gateway that does not answer.

Or one that does, in words of the test's own: what the services really say is the stories' matter.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from local.launcher.machine.processes import free_port
from signed_in import token_for
from web.app import create_app
from web.settings import WebSettings
from web.shared.browser.cookies import cookie_name

ROOT = Path(__file__).parents[2]
SECRET = "a secret that is long enough for every form"


@pytest.fixture(scope="session")
def settings() -> WebSettings:
    return WebSettings(
        web_secret=SecretStr(SECRET),
        assets=ROOT / "node_modules",
        internal_url=f"http://127.0.0.1:{free_port()}",
    )


@pytest.fixture(scope="session")
def session_cookie(settings: WebSettings) -> dict[str, str]:
    """The header of a browser that has a session."""
    return {"Cookie": f"{cookie_name(settings, 'session')}=somebody"}


@pytest.fixture(scope="session")
def app(settings: WebSettings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """What a browser would send, without following where it is led."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://guichet.test",
            headers={"Sec-Fetch-Site": "same-origin"},
        ) as browser,
    ):
        yield browser


class Answering(Protocol):
    """All services behind the gateway; `claims` are those of whoever signs in."""

    @property
    def claims(self) -> dict[str, str]: ...

    def answer(self, request: httpx.Request) -> httpx.Response: ...


@pytest.fixture
def open_browser(
    settings: WebSettings,
) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """How to open a browser at a web whose gateway answers.

    `changed` settings, the session that the browser has, and what it always sends.
    """

    @asynccontextmanager
    async def opened(
        services: Answering, changed: dict[str, Any], session: str = "", **sent: Any
    ) -> AsyncGenerator[httpx.AsyncClient]:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path != "/api/identity/tokens":
                return services.answer(request)
            return token_for(services.claims)

        app = create_app(settings.model_copy(update=changed))
        if session:
            sent["cookies"] = {cookie_name(app.state.settings, "session"): session}
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.MockTransport(answer), base_url="http://gateway.test"
            ) as app.state.http,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://guichet.test", **sent
            ) as browser,
        ):
            yield browser

    return opened
