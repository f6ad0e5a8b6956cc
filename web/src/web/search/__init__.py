"""The search over everything that somebody may see."""

from web.search import page
from web.shared.routing import Pages

router = Pages(page.router)
