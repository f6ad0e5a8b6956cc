"""The mail that the stack of the tests has caught, as the person would find it."""

import asyncio
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

    @property
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


@dataclass(frozen=True)
class Mailbox:
    """The catcher's folder."""

    folder: Path

    def all_to(self, email: str) -> list[CaughtMail]:
        """Oldest first."""
        if not self.folder.exists():
            return []
        parser = BytesParser(policy=policy.default)
        caught = mailbox.Maildir(self.folder, factory=None, create=False)
        mails = [parser.parsebytes(caught.get_bytes(key)) for key in sorted(caught.keys())]
        return [CaughtMail(each) for each in mails if email in str(each["To"])]

    async def to(self, email: str, about: str) -> CaughtMail:
        """The newest mail to this address with these words in its subject, once it has come."""

        async def come() -> CaughtMail:
            mails = await asyncio.to_thread(self.all_to, email)
            found = [mail for mail in mails if about in mail.subject]
            assert found, [mail.subject for mail in mails]
            return found[-1]

        return await eventually(come)
