"""The workers that hand mails over to the mail server."""

from notifications.sending.measures import REGISTRY, measure
from notifications.sending.worker import work

__all__ = ["REGISTRY", "measure", "work"]
