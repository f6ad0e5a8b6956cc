"""What the demo's mail server does with a mail: a file of a Maildir."""

import re
from email.message import Message

from aiosmtpd.handlers import Mailbox

MOST = 2_000  # mails that are kept, the newest ones


class Catcher(Mailbox):
    """Whatever goes wrong here is no fault of the mail: it may come again."""

    def handle_message(self, message: Message) -> None:
        super().handle_message(message)
        for key in sorted(self.mailbox.keys(), key=moment)[:-MOST]:
            self.mailbox.discard(key)

    async def handle_exception(self, error: Exception) -> str:
        return f"451 4.3.0 the mail cannot be kept now: {type(error).__name__}"


def moment(key: str) -> list[int]:
    """By which a Maildir's names are in the order of time: seconds, then microseconds."""
    return [int(number) for number in re.findall(r"\d+", key)]
