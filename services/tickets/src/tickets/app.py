"""The tickets service: `python -m tickets serve`."""

from fastapi import FastAPI

from chassis.service import Background, create_service
from tickets.handlers import subscriptions
from tickets.routes import live, router
from tickets.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    background = [
        Background("live hints", live.listen),
        Background("forgetting changes", live.forget, every=live.FORGETTING_SECONDS),
    ]
    app = create_service(settings, router, subscriptions, background=background)
    app.openapi_version = "3.2.0"  # the first that can describe a stream of events
    app.state.hub = live.Hub(settings.streams)
    return app
