"""Files of messages: sent in parts, shown, downloaded."""

from web.files import reading, sending
from web.shared.routing import Pages

router = Pages(sending.router, reading.router)
