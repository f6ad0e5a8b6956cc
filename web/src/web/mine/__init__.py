"""A customer's own pages: requests, and what they bought."""

from fastapi import APIRouter

from web.mine import new_ticket, products, tickets

router = APIRouter()
for part in (new_ticket, tickets, products):
    router.include_router(part.router)
