"""The identity HTTP API."""

from chassis.http.routing import Routes
from identity.routes import account, customers, links, services, sessions, staff

router = Routes(
    "identity",
    *(part.router for part in (sessions, account, customers, staff, links, services)),
)
