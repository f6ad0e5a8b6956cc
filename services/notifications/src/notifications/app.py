"""The notifications service: `python -m notifications serve`."""

from fastapi import FastAPI

from chassis.service import create_service
from notifications import sending
from notifications.handlers import subscriptions
from notifications.routes import router
from notifications.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    workers = [sending.work] * (settings.mail_workers if settings.mail else 0)
    return create_service(
        settings,
        router,
        subscriptions,
        background=[sending.forget_settled, *workers],
        readings=[sending.measure],
    )
