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
class Letter:
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
class Letters:
    """The catcher's folder."""

    folder: Path

    def all_to(self, email: str) -> list[Letter]:
        """Oldest first."""
        if not self.folder.exists():
            return []
        parser = BytesParser(policy=policy.default)
        caught = mailbox.Maildir(self.folder, factory=None, create=False)
        letters = [parser.parsebytes(caught.get_bytes(key)) for key in sorted(caught.keys())]
        return [Letter(each) for each in letters if email in str(each["To"])]

    async def to(self, email: str, about: str) -> Letter:
        """The newest mail to this address with these words in its subject, once it has come."""

        async def come() -> Letter:
            letters = await asyncio.to_thread(self.all_to, email)
            found = [letter for letter in letters if about in letter.subject]
            assert found, [letter.subject for letter in letters]
            return found[-1]

        return await eventually(come)
