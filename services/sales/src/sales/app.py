"""The sales service: `python -m sales serve`."""

from fastapi import FastAPI

from chassis.service import create_service
from sales.handlers import subscriptions
from sales.operations import OLD_DRAFTS
from sales.routes import router
from sales.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    return create_service(settings or Settings(), router, subscriptions, past=[OLD_DRAFTS])
