"""The seller's counter: a new sale, and what its page asks while it is filled in."""

from fastapi import APIRouter

from web.pages.counter import customers, days, drafts, new_sale, products, serial_numbers

router = APIRouter()
for part in (new_sale, drafts, customers, products, serial_numbers, days):
    router.include_router(part.router)
