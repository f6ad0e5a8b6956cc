"""The seller's counter: new sales, past ones, and the customers."""

from web.counter import customers, new_sale, sales
from web.shared.routing import Pages

router = Pages(new_sale.router, customers.router, sales.router)
