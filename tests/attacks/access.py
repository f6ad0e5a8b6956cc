"""Who may call what: the one table of every route, which the tests hold against the code.

A route's own rules come on top of it: customers reach what is theirs alone.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import uuid4

from chassis.http.bodies import LONG_BODY, SHORT_BODY
from contracts.uploads import PART_BYTES

CUSTOMER, SELLER, TECHNICIAN, ADMINISTRATOR = "customer", "seller", "technician", "administrator"
SERVICE = "service"
PEOPLE: Final = (CUSTOMER, SELLER, TECHNICIAN, ADMINISTRATOR)
ROLES: Final = (*PEOPLE, SERVICE)

Roles = frozenset[str]

# Of a service other than identity: it also asks identity whether the session still stands, at most
# ten seconds ago. What gives power or shows many people's data is to be one of these.
VERIFIED: Final = "verified session"

ANYBODY: Roles = frozenset()  # also whoever is not signed in
SIGNED_IN: Roles = frozenset(PEOPLE)
CUSTOMERS: Roles = frozenset({CUSTOMER})
STAFF: Roles = frozenset({SELLER, TECHNICIAN, ADMINISTRATOR})
ADMINISTRATORS: Roles = frozenset({ADMINISTRATOR})
VERIFIED_STAFF: Roles = STAFF | {VERIFIED}
VERIFIED_ADMINISTRATORS: Roles = ADMINISTRATORS | {VERIFIED}
SERVICES: Roles = frozenset({SERVICE})

# Of every service: the gateway's public entry point hides them.
OPERATION: dict[str, Roles] = {
    "GET /metrics": ANYBODY,
    "GET /health/live": ANYBODY,
    "GET /health/ready": ANYBODY,
}

# Of every service under its own address: also hidden there.
DOCUMENTATION: dict[str, Roles] = {
    "GET /openapi.json": ANYBODY,
    "GET /docs": ANYBODY,
}

# What a token must be for; identity also asks its database whether the session still stands.
API: dict[str, dict[str, Roles]] = {
    "identity": {
        "POST /api/identity/sessions": ANYBODY,
        "POST /api/identity/tokens": ANYBODY,  # with the token of a session
        "GET /api/identity/keys": ANYBODY,
        "POST /api/identity/password-links": ANYBODY,
        "POST /api/identity/links/read": ANYBODY,  # with the secret of a link
        "POST /api/identity/links/use": ANYBODY,
        "POST /api/identity/service-tokens": ANYBODY,  # with a service's secret; hidden
        "POST /api/identity/links/{link_id}/secret": SERVICES,
        "POST /api/identity/links/{link_id}/secret/refusal": SERVICES,
        "GET /api/identity/sessions/current": SIGNED_IN,
        "DELETE /api/identity/sessions/current": SIGNED_IN,
        "GET /api/identity/sessions": SIGNED_IN,
        "DELETE /api/identity/sessions": SIGNED_IN,
        "DELETE /api/identity/sessions/{session_id}": SIGNED_IN,
        "GET /api/identity/me": SIGNED_IN,
        "PUT /api/identity/me/password": SIGNED_IN,
        "PUT /api/identity/me/language": SIGNED_IN,
        "PUT /api/identity/me/email": CUSTOMERS,
        "DELETE /api/identity/me/email/pending": CUSTOMERS,
        "GET /api/identity/customers": STAFF,
        "POST /api/identity/customers": STAFF,
        "POST /api/identity/customers/search": STAFF,
        "POST /api/identity/customers/email-check": STAFF,
        "GET /api/identity/customers/{customer_id}": STAFF,
        "PATCH /api/identity/customers/{customer_id}": STAFF,
        "PUT /api/identity/customers/{customer_id}/password": STAFF,
        "POST /api/identity/customers/{customer_id}/links": STAFF,
        "GET /api/identity/staff": ADMINISTRATORS,
        "POST /api/identity/staff": ADMINISTRATORS,
        "PATCH /api/identity/staff/{member_id}": ADMINISTRATORS,
        "POST /api/identity/staff/{member_id}/links": ADMINISTRATORS,
    },
    "catalog": {
        "GET /api/catalog/products": STAFF,
        "GET /api/catalog/products/{product_id}": STAFF,
        "POST /api/catalog/imports": VERIFIED_ADMINISTRATORS,
        "GET /api/catalog/imports/{import_id}": VERIFIED_ADMINISTRATORS,  # one's own
        "PATCH /api/catalog/imports/{import_id}": VERIFIED_ADMINISTRATORS,
        "DELETE /api/catalog/imports/{import_id}": VERIFIED_ADMINISTRATORS,
    },
    "sales": {
        "GET /api/sales/mine": CUSTOMERS,
        "GET /api/sales/{sale_id}": SIGNED_IN,
        "POST /api/sales": STAFF,
        "GET /api/sales": VERIFIED_STAFF,
        "GET /api/sales/purchase-counts": VERIFIED_STAFF,
        "POST /api/sales/search": VERIFIED_STAFF,
        "POST /api/sales/serial-checks": STAFF,
        "GET /api/sales/draft": STAFF,
        "PUT /api/sales/draft": STAFF,
        "DELETE /api/sales/draft": STAFF,
        "POST /api/sales/{sale_id}/cancellation": STAFF,
    },
    "tickets": {
        "POST /api/tickets": CUSTOMERS,
        "GET /api/tickets/home": CUSTOMERS,
        "GET /api/tickets/mine": CUSTOMERS,
        "GET /api/tickets/mine/counts": CUSTOMERS,
        "GET /api/tickets/owned-products": CUSTOMERS,
        "GET /api/tickets/draft": CUSTOMERS,
        "PUT /api/tickets/draft": CUSTOMERS,
        "DELETE /api/tickets/draft": CUSTOMERS,
        "POST /api/tickets/search": SIGNED_IN | {VERIFIED},  # staff find everybody's
        "GET /api/tickets/changes": SIGNED_IN,
        "GET /api/tickets/stream": SIGNED_IN,
        "GET /api/tickets/{number}": SIGNED_IN,
        "GET /api/tickets/{number}/messages": SIGNED_IN,
        "POST /api/tickets/{number}/messages": SIGNED_IN,
        "POST /api/tickets/{number}/resolution": SIGNED_IN,
        "GET /api/tickets/{number}/draft": SIGNED_IN,
        "PUT /api/tickets/{number}/draft": SIGNED_IN,
        "DELETE /api/tickets/{number}/draft": SIGNED_IN,
        "GET /api/tickets/files/limits": SIGNED_IN,
        "POST /api/tickets/draft/files": CUSTOMERS,
        "POST /api/tickets/{number}/draft/files": SIGNED_IN,
        "GET /api/tickets/files/{file_id}": SIGNED_IN,  # one's own that is not sent
        "PATCH /api/tickets/files/{file_id}": SIGNED_IN,
        "DELETE /api/tickets/files/{file_id}": SIGNED_IN,
        "GET /api/tickets/files/{file_id}/content": SIGNED_IN,
        "GET /api/tickets/{number}/files": SIGNED_IN,
        "GET /api/tickets": VERIFIED_STAFF,
        "GET /api/tickets/desk": VERIFIED_STAFF,
        "GET /api/tickets/counts": STAFF,
        "GET /api/tickets/staff": VERIFIED_STAFF,
        "GET /api/tickets/{number}/context": VERIFIED_STAFF,
        "GET /api/tickets/{number}/desk": VERIFIED_STAFF,
        "PUT /api/tickets/{number}/priority": STAFF,
        "PUT /api/tickets/{number}/seen": STAFF,
        "POST /api/tickets/{number}/notes": STAFF,
        "GET /api/tickets/{number}/quick-replies": STAFF,
        "GET /api/tickets/quick-replies": STAFF,
        "POST /api/tickets/quick-replies": STAFF,
        "PATCH /api/tickets/quick-replies/{quick_reply_id}": STAFF,
        "DELETE /api/tickets/quick-replies/{quick_reply_id}": STAFF,
        "GET /api/tickets/messages/{message_id}/minutes": STAFF,
        "PUT /api/tickets/messages/{message_id}/minutes": STAFF,
        "GET /api/tickets/unresolved": VERIFIED_STAFF,
        "GET /api/tickets/messages/{message_id}/text": SERVICES,
        "GET /api/tickets/{number}/subject": SERVICES,
    },
    "notifications": {
        "POST /api/notifications/unsubscriptions/read": ANYBODY,  # with the token of a mail
        "POST /api/notifications/unsubscriptions": ANYBODY,
        "GET /api/notifications/preferences": SIGNED_IN,
        "PATCH /api/notifications/preferences": SIGNED_IN,
        "GET /api/notifications/deliveries": STAFF,
        "GET /api/notifications/undelivered": VERIFIED_STAFF,
        "POST /api/notifications/mails/{mail_id}/resend": VERIFIED_STAFF,
        "GET /api/notifications/queue": VERIFIED_ADMINISTRATORS,
    },
}

PAGES: dict[str, Roles] = {
    "GET /static/{digest}/{name}": ANYBODY,
    "GET /": SIGNED_IN,
    "GET /accessibilite": ANYBODY,
    "GET /connexion": ANYBODY,
    "POST /connexion": ANYBODY,
    "GET /session": ANYBODY,
    "POST /deconnexion": ANYBODY,
    "GET /mot-de-passe-oublie": ANYBODY,
    "POST /mot-de-passe-oublie": ANYBODY,
    "POST /langue": ANYBODY,
    "GET /lien/{secret}": ANYBODY,
    "POST /lien/{secret}": ANYBODY,
    "GET /desabonnement/{token}": ANYBODY,
    "POST /desabonnement/{token}": ANYBODY,
    "GET /en-direct": ANYBODY,  # says that nobody is signed in
    "GET /en-direct/depuis": ANYBODY,
    "GET /compte": SIGNED_IN,
    "POST /compte/mot-de-passe": SIGNED_IN,
    "POST /compte/sessions/{session_id}/fermeture": SIGNED_IN,
    "POST /compte/sessions/fermeture": SIGNED_IN,
    "GET /compte/notifications": SIGNED_IN,
    "POST /compte/notifications": SIGNED_IN,
    "POST /compte/adresse": CUSTOMERS,
    "POST /compte/adresse/renonciation": CUSTOMERS,
    "POST /compte/raccourcis": STAFF,
    "POST /compte/langue": SIGNED_IN,
    "GET /recherche": SIGNED_IN,
    "POST /recherche": SIGNED_IN,
    "GET /fichiers/joindre": SIGNED_IN,
    "POST /fichiers/joindre": SIGNED_IN,
    "POST /fichiers/ajout": SIGNED_IN,
    "GET /fichiers/{file_id}": SIGNED_IN,
    "PATCH /fichiers/{file_id}": SIGNED_IN,
    "POST /fichiers/{file_id}/retrait": SIGNED_IN,
    "GET /fichiers/{file_id}/{form}": SIGNED_IN,
    "GET /mes-demandes": CUSTOMERS,
    "POST /mes-demandes": CUSTOMERS,
    "GET /mes-demandes/nouvelle": CUSTOMERS,
    "POST /mes-demandes/nouvelle": CUSTOMERS,
    "POST /mes-demandes/nouvelle/brouillon": CUSTOMERS,
    "GET /mes-demandes/{number}": CUSTOMERS,
    "POST /mes-demandes/{number}": CUSTOMERS,
    "POST /mes-demandes/{number}/brouillon": CUSTOMERS,
    "GET /mes-appareils": CUSTOMERS,
    "GET /demandes": STAFF,
    "GET /demandes/file": STAFF,
    "GET /demandes/personnel": STAFF,
    "GET /demandes/{number}": STAFF,
    "POST /demandes/{number}": STAFF,
    "GET /demandes/{number}/echange": STAFF,
    "GET /demandes/{number}/ouverte": STAFF,
    "POST /demandes/{number}/priorite": STAFF,
    "POST /demandes/{number}/lu": STAFF,
    "POST /demandes/{number}/brouillon": STAFF,
    "GET /demandes/{number}/messages/{message_id}/temps": STAFF,
    "POST /demandes/{number}/messages/{message_id}/temps": STAFF,
    "GET /demandes/{number}/reponses-types": STAFF,
    "GET /demandes/reponses-types": STAFF,
    "POST /demandes/reponses-types": STAFF,
    "GET /demandes/reponses-types/{quick_reply_id}": STAFF,
    "POST /demandes/reponses-types/{quick_reply_id}": STAFF,
    "GET /comptoir": STAFF,
    "POST /comptoir": STAFF,
    "POST /comptoir/brouillon": STAFF,
    "POST /comptoir/brouillon/oubli": STAFF,
    "POST /comptoir/clients": STAFF,
    "POST /comptoir/clients/{customer_id}": STAFF,
    "POST /comptoir/clients/verification": STAFF,
    "POST /comptoir/clients/creation": STAFF,
    "POST /comptoir/clients/invitation": STAFF,
    "POST /comptoir/produits": STAFF,
    "POST /comptoir/numeros": STAFF,
    "POST /comptoir/dates": STAFF,
    "GET /clients": STAFF,
    "POST /clients": STAFF,
    "GET /clients/{customer_id}": STAFF,
    "GET /clients/{customer_id}/modifier": STAFF,
    "POST /clients/{customer_id}/modifier": STAFF,
    "POST /clients/{customer_id}/mot-de-passe": STAFF,
    "POST /clients/{customer_id}/lien": STAFF,
    "GET /ventes": STAFF,
    "POST /ventes": STAFF,
    "GET /ventes/{sale_id}": STAFF,
    "POST /ventes/{sale_id}/annulation": STAFF,
    "GET /courrier": STAFF,
    "POST /courrier/{mail_id}/renvoi": STAFF,
    "GET /courrier/demo": ADMINISTRATORS,
    "GET /courrier/demo/{key}": ADMINISTRATORS,
    "GET /courrier/demo/{key}/page": ADMINISTRATORS,
    "GET /personnel": ADMINISTRATORS,
    "POST /personnel": ADMINISTRATORS,
    "POST /personnel/{member_id}/role": ADMINISTRATORS,
    "POST /personnel/{member_id}/activation": ADMINISTRATORS,
    "POST /personnel/{member_id}/desactivation": ADMINISTRATORS,
    "POST /personnel/{member_id}/lien": ADMINISTRATORS,
}

# Where a long text is written, or given back after signing in: a body of 299 KiB.
LONG_TEXTS: frozenset[str] = frozenset(
    {
        "POST /api/tickets",
        "PUT /api/tickets/draft",
        "POST /api/tickets/{number}/messages",
        "POST /api/tickets/{number}/notes",
        "POST /api/tickets/{number}/resolution",
        "PUT /api/tickets/{number}/draft",
        "POST /api/tickets/quick-replies",
        "PATCH /api/tickets/quick-replies/{quick_reply_id}",
        "POST /connexion",
        "POST /mes-demandes/nouvelle",
        "POST /mes-demandes/nouvelle/brouillon",
        "POST /mes-demandes/{number}",
        "POST /mes-demandes/{number}/brouillon",
        "POST /demandes/{number}",
        "POST /demandes/{number}/brouillon",
        "POST /demandes/reponses-types",
        "POST /demandes/reponses-types/{quick_reply_id}",
    }
)
PARTS_OF_FILES: frozenset[str] = frozenset(
    {
        "PATCH /api/catalog/imports/{import_id}",
        "PATCH /api/tickets/files/{file_id}",
        "PATCH /fichiers/{file_id}",
    }
)
# A file in one piece, of a browser without script.
WHOLE_FILES: frozenset[str] = frozenset({"POST /fichiers/joindre"})
LARGEST_WHOLE = 30 * PART_BYTES
WITHOUT_BODY: frozenset[str] = frozenset(
    {
        "POST /api/identity/tokens",
        "POST /api/identity/links/{link_id}/secret",
        "POST /api/identity/links/{link_id}/secret/refusal",
        "POST /api/identity/customers/{customer_id}/links",
        "POST /api/identity/staff/{member_id}/links",
        "POST /api/catalog/imports",
        "POST /api/tickets/draft/files",
        "POST /api/tickets/{number}/draft/files",
        "POST /api/notifications/mails/{mail_id}/resend",
    }
)


def longest_body(route: str) -> int:
    """Bytes; 64 KiB unless the route is named above, nothing where something is deleted."""
    if route in PARTS_OF_FILES:
        return PART_BYTES
    if route in WHOLE_FILES:
        return LARGEST_WHOLE
    if route in WITHOUT_BODY or route.startswith("DELETE "):
        return 0
    return LONG_BODY if route in LONG_TEXTS else SHORT_BODY


# --- The gateway -------------------------------------------------------------------------------

SERVICES_BEHIND = ("identity", "catalog", "sales", "tickets", "notifications")

# Every router by its entry point: who stands before it. `self` listens on the gateway's own loopback.
GATEWAY: dict[str, frozenset[str]] = {
    "public": frozenset(
        {
            *(
                f"{service}{of}"
                for service in SERVICES_BEHIND
                for of in ("", "-write", "-hidden", "-away")
            ),
            "catalog-part",
            "tickets-files",
            "web-files",
            "tickets-live",
            "between-services",
            "unknown-method",
            "sign-in",
            "web",
            "web-write",
            "web-sign-in",
            "web-key",
            "web-live",
            "web-hidden",
            "web-away",
            "no-api",
        }
    ),
    "internal": frozenset(
        {
            *(
                f"{service}{of}"
                for service in SERVICES_BEHIND
                for of in ("-internal", "-internal-write", "-away-internal")
            ),
            "tickets-live-internal",
            "no-api-internal",
            "web-internal",
            "traefik",
            "ping@internal",
            "prometheus@internal",
        }
    ),
    "self": frozenset({"ready"}),
}

# Routes of the parts that the world is not let to, whoever asks: 404 of the gateway's own.
INSIDE: frozenset[str] = frozenset(
    {
        *OPERATION,
        *(
            f"GET /api/{service}/{path}"
            for service in SERVICES_BEHIND
            for path in ("docs", "openapi.json", "metrics", "health/ready")
        ),
        "POST /api/identity/service-tokens",
        *(
            route
            for routes in API.values()
            for route, allowed in routes.items()
            if allowed == SERVICES
        ),
    }
)

# What the gateway says in its own name (gateway/serve.py): the status, and the code of the problem.
SPOKEN: dict[int, str] = {
    400: "unreadable",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_too_slow",
    413: "body_too_large",
    429: "too_many",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}


def address(path: str) -> str:
    """One that this route takes, of something that is not there."""
    return re.sub(r"{\w+}", str(uuid4()), re.sub(r"{number}", "7", path))


def routes(within: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each of an application, hidden ones too: method and path as the tables write them."""
    for route in within:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from routes(included.routes, prefix + route.include_context.prefix)
        else:
            path = re.sub(r"{(\w+):\w+}", r"{\1}", prefix + route.path)
            for method in sorted(route.methods - {"HEAD"}):
                yield f"{method} {path}", route
