"""The identity HTTP API."""

from fastapi import APIRouter

from identity.routes import account, customers, links, services, sessions, staff

router = APIRouter()
for part in (sessions, account, customers, staff, links, services):
    router.include_router(part.router)
