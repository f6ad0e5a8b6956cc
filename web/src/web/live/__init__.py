"""What happens while a page is open."""

from web.live.page import router as router
