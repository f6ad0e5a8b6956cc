"""The sales service: `python -m sales serve`."""

from fastapi import FastAPI

from chassis.service import create_service
from sales import operations
from sales.handlers import subscriptions
from sales.routes import router
from sales.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    return create_service(
        settings or Settings(),
        router,
        subscriptions,
        prunable=[operations.OLD_DRAFTS],
        from_tables=operations.from_tables,
    )
