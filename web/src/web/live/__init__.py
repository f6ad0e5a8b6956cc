"""Live updates of open pages."""

from web.live import page
from web.shared.routing import Pages

router = Pages(page.router)
