"""The mails that the local stack's mail catcher has received."""

import mailbox
import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

MOST = 50
SHOWN = ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "List-Unsubscribe")
LINK = re.compile(r"(https?://\S+)")


@dataclass(frozen=True)
class CaughtMail:
    """One mail, by the name of its file."""

    key: str
    message: EmailMessage

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(self.message[name])) for name in SHOWN if self.message[name]]

    @property
    def recipient(self) -> str:
        return str(self.message["To"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def sent_at(self) -> datetime | None:
        """From its Date header, if that can be parsed."""
        return getattr(self.message["Date"], "datetime", None)

    @property
    def html(self) -> str:
        return self.body("html")

    @property
    def pieces(self) -> list[str]:
        """The text, split so that every second piece is a link."""
        return LINK.split(self.body("plain"))

    def body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return part.get_content() if part is not None else ""


@dataclass(frozen=True)
class Folder:
    """A Maildir."""

    path: Path

    def newest(self) -> list[CaughtMail]:
        """Fifty at most; file names begin with the moment of their delivery."""
        if not self.path.exists():
            return []
        caught = mailbox.Maildir(self.path, factory=None, create=False)
        keys = sorted(caught.keys(), reverse=True)[:MOST]
        return [CaughtMail(key, parsed(caught.get_bytes(key))) for key in keys]

    def mail(self, key: str) -> CaughtMail | None:
        if not self.path.exists():
            return None
        caught = mailbox.Maildir(self.path, factory=None, create=False)
        return CaughtMail(key, parsed(caught.get_bytes(key))) if key in caught else None


def parsed(raw: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(raw)
