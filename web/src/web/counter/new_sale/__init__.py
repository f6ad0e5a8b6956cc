"""A new sale: its page, and what the page asks while it is filled in."""

from web.counter.new_sale import customers, days, drafts, page, products, serial_numbers
from web.shared.routing import Pages

router = Pages(
    page.router,
    drafts.router,
    customers.router,
    products.router,
    serial_numbers.router,
    days.router,
)
