"""A new sale: its page, and what that asks while it is filled in."""

from fastapi import APIRouter

from web.counter.new_sale import customers, days, drafts, page, products, serial_numbers

router = APIRouter()
for part in (page, drafts, customers, products, serial_numbers, days):
    router.include_router(part.router)
