"""The one search over everything that somebody may see."""

from web.search.page import router as router
