"""The workers that hand mails over to the mail server."""

from notifications.sending.measures import measure
from notifications.sending.worker import FORGETTING_SECONDS, forget_settled, work

__all__ = ["FORGETTING_SECONDS", "forget_settled", "measure", "work"]
