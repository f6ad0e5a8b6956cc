"""One mail of every kind, as its page looks."""

from datetime import UTC, datetime
from email.headerregistry import Address
from uuid import UUID
from zoneinfo import ZoneInfo

from contracts.notifications.api import Kind
from notifications.models import ON_TICKETS, PREFERENCE_NAMES, TO_STAFF, WITH_LINK
from notifications.rendering import MailContent, Request, Sender, render

SENDER = Sender(
    Address("Guichet", "guichet", "example.org"),
    "https://sav.example.org",
    ZoneInfo("Europe/Paris"),
)
AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
REQUEST = Request(
    id=UUID(int=1),
    number=4127,
    subject="Les feuilles se coincent",
    reference="C11CJ67403",
    designation="Epson EcoTank ET-2850",
)


def rendered(kind: Kind, language: str) -> str:
    """The HTML of a mail to an invented customer or technician."""
    author = "Nathalie Rousseau" if kind in TO_STAFF else "Claire Vasseur"
    content = MailContent(
        id=UUID(int=2),
        kind=kind,
        language=language,
        first_name="Nathalie",
        last_name="Rousseau",
        email="nathalie.rousseau@example.org",
        authors=[author] if kind in ON_TICKETS else [],
        request=REQUEST if kind in ON_TICKETS else None,
        texts=["Bonjour,\n\nessayez avec un autre câble."] if kind == Kind.REPLY else [],
        link_secret="x" * 43 if kind in WITH_LINK else "",
        expires_at=AT if kind in WITH_LINK else None,
        new_email="n.leroy@example.org" if kind == Kind.EMAIL_ASKED else "",
        unsubscription="y" * 80 if kind in PREFERENCE_NAMES else "",
    )
    body = render(content, SENDER, at=AT).get_body(("html",))
    assert body is not None
    return body.get_content()
