"""The tickets HTTP API."""

from chassis.http.routing import Routes
from tickets.routes import customers, desk, drafts, exchange, files, live, queue, search

router = Routes(
    "tickets",
    *(part.router for part in (customers, queue, search, live, files, drafts, desk, exchange)),
)
