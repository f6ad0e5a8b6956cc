"""The catalog service: `python -m catalog serve`."""

from fastapi import FastAPI

from catalog.handlers import subscriptions
from catalog.routes import router
from catalog.settings import Settings
from chassis.service import create_service


def create_app(settings: Settings | None = None) -> FastAPI:
    return create_service(settings or Settings(), router, subscriptions)
