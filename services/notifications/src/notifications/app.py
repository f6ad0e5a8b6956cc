"""The notifications service: `python -m notifications serve`."""

import asyncio

from fastapi import FastAPI

from chassis.service import Background, create_service
from notifications import sending
from notifications.handlers import subscriptions
from notifications.operations import mails
from notifications.operations.queueing import WORKERS
from notifications.routes import router
from notifications.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    workers = [
        Background(f"mail worker {number}", sending.work)
        for number in range(1, settings.mail_workers + 1)
        if settings.mail
    ]
    app = create_service(
        settings,
        router,
        subscriptions,
        background=workers,
        readings=[sending.measure],
        registry=sending.REGISTRY,
        prunable=[mails.prunable(settings.mail_keep_days, settings.mail_oldest_hours)],
    )
    app.state.mail_queued = asyncio.Event()
    app.state.database.wakers[WORKERS] = app.state.mail_queued.set
    return app
