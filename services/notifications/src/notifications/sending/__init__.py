"""The workers that hand mails over to the mail server."""

from notifications.sending.measures import measure
from notifications.sending.worker import work

__all__ = ["measure", "work"]
