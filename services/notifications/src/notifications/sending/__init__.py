"""The workers that hand mails over to the mail server."""

from notifications.sending.measures import measure
from notifications.sending.worker import forget_settled, work

__all__ = ["forget_settled", "measure", "work"]
