"""The mail that the stack of the tests has caught, as the person would find it."""

import asyncio
import functools
import mailbox
import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from waiting import eventually

LINK = re.compile(r"https?://[^\s/]+(/\S+)")


@dataclass(frozen=True)
class CaughtMail:
    """One mail; `link` is the first address in it, as a path."""

    message: EmailMessage

    @functools.cached_property
    def recipient(self) -> str:
        return str(self.message["To"])

    @functools.cached_property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None
        return body.get_content()

    @property
    def link(self) -> str:
        found = LINK.search(self.text)
        assert found is not None, self.text
        return found[1]


@functools.cache
def caught(folder: Path, key: str) -> CaughtMail:
    """Read once: whoever waits for a mail looks again and again at all that have come."""
    content = mailbox.Maildir(folder, factory=None, create=False).get_bytes(key)
    return CaughtMail(BytesParser(policy=policy.default).parsebytes(content))


@dataclass(frozen=True)
class Mailbox:
    """The catcher's folder."""

    folder: Path

    def all_to(self, email: str) -> list[CaughtMail]:
        """Oldest first."""
        if not self.folder.exists():
            return []
        keys = sorted(mailbox.Maildir(self.folder, factory=None, create=False).keys())
        mails = [caught(self.folder, key) for key in keys]
        return [each for each in mails if email in each.recipient]

    async def to(self, email: str, about: str) -> CaughtMail:
        """The newest mail to this address with these words in its subject, once it has come."""

        async def come() -> CaughtMail:
            mails = await asyncio.to_thread(self.all_to, email)
            found = [mail for mail in mails if about in mail.subject]
            assert found, [mail.subject for mail in mails]
            return found[-1]

        return await eventually(come)
