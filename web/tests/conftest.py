"""The web frontend on its own: real templates and assets, and a gateway that does not answer."""

from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from local.processes import free_port
from web.app import create_app
from web.settings import WebSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def settings() -> WebSettings:
    return WebSettings(
        web_secret=SecretStr("a secret that is long enough for every form"),
        assets=ROOT / "node_modules",
        internal_url=f"http://127.0.0.1:{free_port()}",
    )


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
