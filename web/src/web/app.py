"""The web frontend's application: pages, static files, security headers."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from chassis.http.answering import DefaultHeaders, HeadAsGet
from chassis.http.bodies import SHORT_BODY, CountedBodies
from chassis.http.client import HttpClient
from chassis.http.observing import Observing
from chassis.monitoring.health import health_routes
from chassis.monitoring.metrics import metrics_routes
from web import (
    accessibility,
    account,
    administration,
    counter,
    desk,
    errors,
    files,
    live,
    mine,
    search,
)
from web.settings import WebSettings
from web.shared import assets
from web.shared.browser import headers
from web.shared.browser.languages import Languages
from web.shared.forms import remember_typed
from web.shared.rendering import environment
from web.shared.sessions import AccessTokens
from web.shared.words import scripts

DOMAINS = (accessibility, account, administration, counter, desk, files, live, mine, search)


def create_app(settings: WebSettings | None = None) -> FastAPI:
    settings = settings or WebSettings()
    app = FastAPI(
        title="Guichet",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.assets = assets.Assets(settings.assets, scripts.scripts())
    app.state.templates = environment(settings, app.state.assets)
    app.state.access_tokens = AccessTokens()
    app.add_middleware(Languages)
    app.add_middleware(CountedBodies)
    app.add_middleware(Observing)
    app.add_middleware(DefaultHeaders, headers=headers.headers)
    app.add_middleware(HeadAsGet)
    app.include_router(assets.router)
    app.include_router(health_routes({}))
    app.include_router(metrics_routes())
    for domain in DOMAINS:
        app.include_router(
            domain.router, max_body_size=SHORT_BODY, dependencies=[Depends(remember_typed)]
        )
    errors.install(app)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    settings: WebSettings = app.state.settings
    for name in app.state.templates.list_templates():
        app.state.templates.get_template(name)
    async with (
        HttpClient(settings.internal_url) as app.state.http,
        HttpClient(settings.internal_url, most=settings.streams) as app.state.live_http,
    ):
        yield
