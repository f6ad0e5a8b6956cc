"""The tickets HTTP API."""

from fastapi import APIRouter

from tickets.routes import customers, desk, drafts, exchange, live, queue, search

router = APIRouter()
for part in (customers, queue, search, live, drafts, desk, exchange):
    router.include_router(part.router)
