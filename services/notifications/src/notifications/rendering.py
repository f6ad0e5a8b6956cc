"""Renders a mail: headers, plain text and HTML."""

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

from chassis.text.dates import enumeration
from chassis.text.translations import in_language
from contracts.identity.emails import mail_form
from contracts.notifications.api import Kind
from notifications.models import ON_TICKETS, TO_STAFF
from notifications.words import WORDS, _, filled, moment, one_line, translations

templates = Environment(
    loader=PackageLoader("notifications"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
    extensions=["jinja2.ext.i18n"],
)
templates.newstyle_gettext = True  # ty: ignore[missing-attribute] -- of the extension
templates.policies["ext.i18n.trimmed"] = True
templates.globals |= translations.globals()

WORD_LENGTH, HEADER_LENGTH = 40, 150

SEVEN_BIT = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True)
class Sender:
    """The address mail is sent from, and the site its links lead to."""

    address: Address
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
class MailContent:
    """What one mail is made of. Names and texts come from people: escape or clean them here."""

    id: UUID
    kind: Kind
    language: str
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


def render(content: MailContent, sender: Sender, *, at: datetime) -> EmailMessage:
    """In the recipient's language; raises ValueError for an address that no header can hold."""
    with in_language(content.language):
        return written(content, sender, at=at)


def written(content: MailContent, sender: Sender, *, at: datetime) -> EmailMessage:
    # A non-ASCII part before the @ cannot be encoded for servers without SMTPUTF8.
    utf8 = not mail_form(content.email)[0].isascii()
    message = EmailMessage(policy=SEVEN_BIT.clone(utf8=utf8))
    context = template_context(content, sender)
    message["From"] = sender.address
    message["To"] = recipient(content)
    message["Subject"] = for_header(context["subject"])
    message["Date"] = format_datetime(at.astimezone(UTC))
    host = sender.address.domain
    message["Message-ID"] = f"<{content.id}@{host}>"
    if content.request is not None:
        thread = f"<ticket-{content.request.id}@{host}>"
        message["In-Reply-To"] = thread
        message["References"] = thread
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if content.unsubscription:
        message["List-Unsubscribe"] = f"<{unsubscription_url(content, sender)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        page = templates.get_template(f"mail.{'txt' if kind == 'plain' else kind}")
        text = page.render(context)
        if kind == "plain":
            message.set_content(text, cte="quoted-printable")
        else:
            message.add_alternative(text, subtype=kind, cte="quoted-printable")
    message["Content-Language"] = content.language  # last: set_content replaces Content-* headers
    return message


def serialized(message: EmailMessage) -> bytes:
    """Raises ValueError where a parser would read other headers than those that were set."""
    raw = message.as_bytes()
    if BytesHeaderParser().parsebytes(raw).keys() != message.keys():
        raise ValueError("the headers of this mail cannot be written")
    return raw


# --- Headers ----------------------------------------------------------------------------------


def for_header(text: str) -> str:
    """One line without encoded words either: a mail program would decode a line break in one.

    Long words are cut: Python folds a word longer than a line so that the headers end there.
    """
    words = [
        word if len(word) <= WORD_LENGTH else f"{word[: WORD_LENGTH - 1]}…"
        for word in one_line(text).replace("=?", "= ?").split(" ")
    ]
    return " ".join(words)[:HEADER_LENGTH]


def recipient(content: MailContent) -> Address:
    name = for_header(f"{content.first_name} {content.last_name}")
    return Address(name, *mail_form(content.email))


def envelope_address(email: str) -> str:
    return "@".join(mail_form(email))


# --- Content ----------------------------------------------------------------------------------


def template_context(content: MailContent, sender: Sender) -> dict[str, Any]:
    """The variables of both templates."""
    wording = WORDS[content.kind]
    request = content.request
    facts = {
        "number": request.number if request else "",
        "product": one_line(request.designation) if request else "",
        "authors": enumeration([one_line(name) for name in content.authors]),
        "first_name": one_line(content.first_name),
        "new_email": one_line(content.new_email),
        "expires": expiry_text(content, sender.zone),
    }
    subject = filled(wording.subject, facts, content.count)
    about = one_line(request.subject) if request else ""
    if about and content.kind is not Kind.NEW_REQUEST:
        subject = _("%(sentence)s : %(subject)s", sentence=subject, subject=about)
    return {
        "language": content.language,
        "subject": subject,
        "title": filled(wording.title, facts, content.count),
        "lines": [filled(line, facts, content.count) for line in wording.lines],
        "button": _(wording.button),
        "url": button_url(content, sender),
        "why": _(wording.why),
        "request": request,
        "about": about,
        "to_staff": content.kind in TO_STAFF,
        "texts": content.texts,
        "settings_url": f"{sender.public_url}/compte/notifications",
        "unsubscription_url": unsubscription_url(content, sender) if content.unsubscription else "",
    }


def expiry_text(content: MailContent, zone: ZoneInfo) -> str:
    if content.expires_at is None:
        return ""
    return moment(content.expires_at.astimezone(zone))


def button_url(content: MailContent, sender: Sender) -> str:
    if content.request is not None and content.kind in ON_TICKETS:
        folder = "demandes" if content.kind in TO_STAFF else "mes-demandes"
        return f"{sender.public_url}/{folder}/{content.request.number}"
    if content.link_secret:
        return f"{sender.public_url}/lien/{content.link_secret}"
    if content.kind == Kind.PASSWORD_CHANGED:
        return f"{sender.public_url}/mot-de-passe-oublie"
    return f"{sender.public_url}/"


def unsubscription_url(content: MailContent, sender: Sender) -> str:
    return f"{sender.public_url}/desabonnement/{content.unsubscription}"
