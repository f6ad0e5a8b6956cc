"""The sellers' counter: new and past sales, and customers."""

from web.counter import customers, new_sale, sales
from web.shared.routing import Pages

router = Pages(new_sale.router, customers.router, sales.router)
