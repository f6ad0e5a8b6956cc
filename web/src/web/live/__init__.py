"""What happens while a page is open."""

from web.live import page
from web.shared.routing import Pages

router = Pages(page.router)
