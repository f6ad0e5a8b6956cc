"""A mail as it is sent: its headers, its text, its page."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from contracts.identity.emails import mail_form
from contracts.notifications.api import Kind, Language
from notifications.models import ON_TICKETS, TO_STAFF
from notifications.words import LABELS, Words, enumeration, moment, words

templates = Environment(
    loader=PackageLoader("notifications"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)

WORD_LENGTH, HEADER_LENGTH = 40, 150

SEVEN_BIT = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True)
class House:
    """In whose name mail is sent, and where its links lead."""

    sender: Address
    public_url: str
    zone: ZoneInfo


@dataclass(frozen=True)
class Request:
    """The request that a mail is about."""

    id: UUID
    number: int
    subject: str
    reference: str
    designation: str


@dataclass(frozen=True)
class Letter:
    """All that one mail tells. Names and texts are people's: they are cleaned or escaped here."""

    id: UUID
    kind: Kind
    language: Language
    first_name: str
    last_name: str
    email: str
    authors: list[str] = field(default_factory=list)
    count: int = 1
    request: Request | None = None
    texts: list[str] = field(default_factory=list)
    link_secret: str = field(default="", repr=False)
    expires_at: datetime | None = None
    new_email: str = ""
    unsubscription: str = field(default="", repr=False)

    @property
    def words(self) -> Words:
        return words(self.kind, self.language, self.count)


def write(letter: Letter, house: House, *, at: datetime) -> EmailMessage:
    """Raises ValueError for an address that no mail can be written to."""
    # A name of other letters than ASCII's before the @ has no spelling for older mail servers.
    utf8 = not mail_form(letter.email)[0].isascii()
    message = EmailMessage(policy=SEVEN_BIT.clone(utf8=utf8))
    said = filled(letter, house)
    message["From"] = house.sender
    message["To"] = recipient(letter)
    message["Subject"] = for_header(said["subject"])
    message["Date"] = format_datetime(at.astimezone(UTC))
    host = house.sender.domain
    message["Message-ID"] = f"<{letter.id}@{host}>"
    if letter.request is not None:
        thread = f"<ticket-{letter.request.id}@{host}>"
        message["In-Reply-To"] = thread
        message["References"] = thread
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if letter.unsubscription:
        message["List-Unsubscribe"] = f"<{unsubscription_url(letter, house)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        page = templates.get_template(f"letter.{'txt' if kind == 'plain' else kind}")
        text = page.render(said)
        if kind == "plain":
            message.set_content(text, cte="quoted-printable")
        else:
            message.add_alternative(text, subtype=kind, cte="quoted-printable")
    message["Content-Language"] = letter.language  # last: a body takes such headers with it
    return message


def as_sent(message: EmailMessage) -> bytes:
    """ValueError where what is read from it would not be what was written."""
    raw = message.as_bytes()
    if BytesHeaderParser().parsebytes(raw).keys() != message.keys():
        raise ValueError("the headers of this mail cannot be written")
    return raw


# --- Headers ----------------------------------------------------------------------------------


def one_line(text: str) -> str:
    """No line break, control or direction mark: those may not lead anybody astray."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.split())


def for_header(text: str) -> str:
    """Nor anything that a mail program would decode: an encoded line break is one, too.

    Words that fill a line are cut: Python folds them so that the headers end there.
    """
    words = [
        word if len(word) <= WORD_LENGTH else f"{word[: WORD_LENGTH - 1]}…"
        for word in one_line(text).replace("=?", "= ?").split(" ")
    ]
    return " ".join(words)[:HEADER_LENGTH]


def recipient(letter: Letter) -> Address:
    name = for_header(f"{letter.first_name} {letter.last_name}")
    return Address(name, *mail_form(letter.email))


def envelope_address(email: str) -> str:
    return "@".join(mail_form(email))


# --- What it says -----------------------------------------------------------------------------


def filled(letter: Letter, house: House) -> dict[str, Any]:
    """Everything that the templates show."""
    said, language = letter.words, letter.language
    facts = {
        "number": letter.request.number if letter.request else "",
        "product": one_line(letter.request.designation) if letter.request else "",
        "about": about(letter),
        "authors": enumeration([one_line(name) for name in letter.authors], language),
        "count": letter.count,
        "first_name": one_line(letter.first_name),
        "new_email": one_line(letter.new_email),
        "expires": told_moment(letter, house.zone),
    }
    labels = LABELS[language]
    return {
        "language": language,
        "subject": said.subject.format_map(facts),
        "title": said.title.format_map(facts),
        "lines": [line.format_map(facts) for line in said.lines],
        "button": said.button,
        "url": url(letter, house),
        "why": said.why,
        "labels": labels,
        "request": letter.request,
        "about": facts["about"],
        "product_label": labels["product" if letter.kind in TO_STAFF else "device"],
        "texts": letter.texts,
        "settings_url": f"{house.public_url}/compte/notifications",
        "unsubscription_url": unsubscription_url(letter, house) if letter.unsubscription else "",
    }


def about(letter: Letter) -> str:
    """The request in its customer's words, behind a colon; nothing where they are not known."""
    subject = one_line(letter.request.subject) if letter.request else ""
    return f"{LABELS[letter.language]['colon']} {subject}" if subject else ""


def told_moment(letter: Letter, zone: ZoneInfo) -> str:
    if letter.expires_at is None:
        return ""
    return moment(letter.expires_at.astimezone(zone), letter.language)


def url(letter: Letter, house: House) -> str:
    if letter.request is not None and letter.kind in ON_TICKETS:
        folder = "demandes" if letter.kind in TO_STAFF else "mes-demandes"
        return f"{house.public_url}/{folder}/{letter.request.number}"
    if letter.link_secret:
        return f"{house.public_url}/lien/{letter.link_secret}"
    if letter.kind == Kind.PASSWORD_CHANGED:
        return f"{house.public_url}/mot-de-passe-oublie"
    return f"{house.public_url}/"


def unsubscription_url(letter: Letter, house: House) -> str:
    return f"{house.public_url}/desabonnement/{letter.unsubscription}"
