"""The mail catcher of the local stack: stores each mail as a file of a Maildir."""

import re
from email.message import Message

from aiosmtpd.handlers import Mailbox

MAX_MAILS = 2_000  # the newest ones are kept


class Catcher(Mailbox):
    """A failure here is temporary (451), so that the sender tries the mail again."""

    def handle_message(self, message: Message) -> None:
        super().handle_message(message)
        for key in sorted(self.mailbox.keys(), key=moment)[:-MAX_MAILS]:
            self.mailbox.discard(key)

    async def handle_exception(self, error: Exception) -> str:
        return f"451 4.3.0 the mail cannot be stored now: {type(error).__name__}"


def moment(key: str) -> list[int]:
    """A sort key for names in a Maildir: seconds, then microseconds."""
    return [int(number) for number in re.findall(r"\d+", key)]
