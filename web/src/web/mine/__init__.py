"""The customers' own pages: requests, and what they bought."""

from web.mine import new_ticket, products, tickets
from web.shared.routing import Pages

router = Pages(tickets.router, new_ticket.router, products.router)
