"""Renders pages, and redirects after forms."""

import zlib
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from chassis.text.typography import typeset
from contracts.identity.api import INVITATION_HOURS, PASSWORD_SHORTEST
from contracts.identity.roles import Role
from contracts.numbers import SERIAL_NUMBER_LENGTH
from web.settings import WebSettings
from web.shared import components, words
from web.shared.accessibility.criteria import audit
from web.shared.assets import Assets
from web.shared.browser import cookies
from web.shared.browser.browsers import browser_icon, browser_label
from web.shared.browser.cookies import Cookie
from web.shared.browser.request_headers import Header, has, read
from web.shared.compiling import Templates, compiled
from web.shared.forms import Form, token_for
from web.shared.icons import sprite
from web.shared.sessions import SignedIn, is_over_the_page
from web.shared.text.dates import Dates, waiting
from web.shared.text.language import N_, NAMES, direction, language, translations
from web.shared.text.linked import linked
from web.shared.text.matches import marked
from web.shared.text.unbroken import unbroken

DONE_SECONDS = 60

EXCERPT_LENGTH = 140

# id, label, label where space is short, address, icon; labels are translated by the templates
STAFF_NAV = (
    ("counter", N_("Comptoir"), N_("Comptoir"), "/comptoir", "counter"),
    ("desk", N_("Demandes"), N_("Demandes"), "/demandes", "inbox"),
    ("customers", N_("Clients"), N_("Clients"), "/clients", "users"),
)
ADMINISTRATOR_NAV = (
    *STAFF_NAV,
    ("staff", N_("Personnel"), N_("Personnel"), "/personnel", "user-plus"),
)
CUSTOMER_NAV = (
    ("home", N_("Mes demandes"), N_("Demandes"), "/mes-demandes", "home"),
    ("products", N_("Mes appareils"), N_("Appareils"), "/mes-appareils", "box"),
    ("new", N_("Nouvelle demande"), N_("Nouvelle"), "/mes-demandes/nouvelle", "plus"),
)
HOMES = {Role.CUSTOMER: "/mes-demandes", Role.SELLER: "/comptoir"}


WEB = Path(__file__).parents[1]


def environment(settings: WebSettings, assets: Assets) -> Environment:
    folders = {each.parent.name: FileSystemLoader(each) for each in WEB.glob("*/templates")}
    made = Templates(
        loader=PrefixLoader(folders),  # `counter/sale.html` is in `counter/templates`
        bytecode_cache=compiled(WEB),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.newstyle_gettext = True  # ty: ignore[missing-attribute] -- of the extension
    made.policies["ext.i18n.trimmed"] = True
    made.globals |= translations.globals()
    made.globals["language"] = language.get  # ty: ignore[invalid-assignment] -- typed by its defaults
    made.globals["languages"] = NAMES  # ty: ignore[invalid-assignment]
    made.globals["direction"] = direction  # ty: ignore[invalid-assignment]
    dates = Dates(settings.zone)
    made.globals["asset"] = assets.url  # ty: ignore[invalid-assignment] -- typed by its defaults
    made.globals["sprite"] = Markup(sprite(settings.assets))  # noqa: S704 -- our own drawings  # ty: ignore[invalid-assignment]
    made.globals["browser_label"] = browser_label  # ty: ignore[invalid-assignment]
    made.globals["browser_icon"] = browser_icon  # ty: ignore[invalid-assignment]
    made.globals["marked"] = marked  # ty: ignore[invalid-assignment]
    made.globals["no"] = components.no  # ty: ignore[invalid-assignment]
    made.globals["components"] = components  # ty: ignore[invalid-assignment]
    made.globals["INVITATION_HOURS"] = INVITATION_HOURS  # ty: ignore[invalid-assignment]
    made.globals["PASSWORD_SHORTEST"] = PASSWORD_SHORTEST  # ty: ignore[invalid-assignment]
    made.globals["SERIAL_NUMBER_LENGTH"] = SERIAL_NUMBER_LENGTH  # ty: ignore[invalid-assignment]
    made.globals["words"] = words  # ty: ignore[invalid-assignment]
    made.globals["conformity"] = audit().conformity  # ty: ignore[invalid-assignment]
    made.globals["zone"] = settings.zone.key  # ty: ignore[invalid-assignment]
    made.globals["mail"] = settings.mail  # ty: ignore[invalid-assignment]
    made.filters |= {
        "day": dates.day,
        "weekday": dates.weekday,
        "short_day": dates.short_day,
        "month": dates.month,
        "time": dates.time,
        "moment": dates.moment,
        "recent": dates.recent,
        "brief": dates.brief,
        "since": dates.since,
        "last_time": dates.last_time,
        "waiting": waiting,
        "paragraphs": paragraphs,
        "excerpt": excerpt,
        "linked": linked,
        "unbroken": unbroken,
        "number": words.number,
        "capital": words.capital,
    }
    return made


def paragraphs(text: str) -> list[str]:
    """A message split at blank lines; single line breaks stay inside."""
    return [piece.strip("\n") for piece in text.split("\n\n") if piece.strip()]


def excerpt(text: str) -> str:
    """The beginning of a message on one line, cut between words."""
    line = typeset(" ".join(text.split()))
    if len(line) <= EXCERPT_LENGTH:
        return line
    return line[:EXCERPT_LENGTH].rpartition(" ")[0].rstrip(",;:") + "…"


def nav_of(person: SignedIn | None) -> tuple[tuple[str, ...], ...]:
    if person is None:
        return ()
    if person.role == Role.ADMINISTRATOR:
        return ADMINISTRATOR_NAV
    return STAFF_NAV if person.is_staff else CUSTOMER_NAV


def home(person: SignedIn | None) -> str:
    return HOMES.get(person.role, "/demandes") if person else "/"


def page(
    request: Request,
    template: str,
    *,
    person: SignedIn | None = None,
    tab: str = "",
    status: int = 200,
    retry_after: int | None = None,
    facts: dict[str, Any] | None = None,
    circumstance: str = "",
    **context: Any,
) -> HTMLResponse:
    """Render a page, or any template; a temporary refusal gets Retry-After.

    `tab` is the id of the current entry of the navigation; `facts` fill the sentence about what the
    last form did (see `redirect`), and a `circumstance` may change it. A template that extends `layout` is only its main part for htmx.
    """
    done = "" if is_part(request) else cookies.read(request, Cookie.DONE)
    is_staff = person is not None and person.is_staff
    by_mail = "by mail" if request.app.state.settings.mail else ""
    html = request.app.state.templates.get_template(template).render(
        request=request,
        person=person,
        form_token=token_for(request, person) if person else "",
        space="staff" if is_staff else "client",
        nav=nav_of(person),
        home=home(person),
        layout="shared/part.html" if has(request, Header.HTMX) else "shared/base.html",
        tab=tab,
        done=words.done(done, facts or {}, circumstance, by_mail),
        shortcuts=person is not None and cookies.read(request, Cookie.SHORTCUTS) == str(person.id),
        **context,
    )
    response = as_html(request, html, status)
    if status in {429, 503}:
        refused = [each.retry_after for each in context.values() if isinstance(each, Form)]
        after = max(filter(None, [retry_after, *refused]), default=1)
        response.headers["Retry-After"] = str(after)
    if done:
        cookies.take_back(request, response, Cookie.DONE)
    return response


def as_html(request: Request, html: str, status: int) -> HTMLResponse:
    """Compressed here if the browser accepts it: a quarter of what it costs in the gateway."""
    vary = {"Vary": "Accept-Encoding"}
    if not takes_gzip(read(request, Header.ACCEPT_ENCODING)):
        return HTMLResponse(html, status, headers=vary)
    gzip = zlib.compressobj(zlib.Z_BEST_SPEED, wbits=zlib.MAX_WBITS | 16)
    packed = gzip.compress(html.encode()) + gzip.flush()
    return HTMLResponse(packed, status, headers={**vary, "Content-Encoding": "gzip"})


def takes_gzip(accepted: str) -> bool:
    return any(each.strip() in {"gzip", "gzip;q=1.0"} for each in accepted.split(","))


def is_part(request: Request) -> bool:
    """Requested by an open page: it must not use up the notice for the next whole page."""
    return is_over_the_page(request) or has(request, Header.HTMX)


def redirect(request: Request, to: str, *, done: str = "") -> RedirectResponse:
    """After a form that worked; the next page shows `done`, a name in `words.DONE`, once."""
    response = RedirectResponse(to, status_code=303)
    if done:
        remember_done(request, response, done)
    return response


def remember_shortcuts(request: Request, response: Response, person: SignedIn, *, on: bool) -> None:
    if on:
        cookies.give(request, response, Cookie.SHORTCUTS, str(person.id))
    else:
        cookies.take_back(request, response, Cookie.SHORTCUTS)


def remember_done(request: Request, response: Response, done: str) -> None:
    cookies.give(request, response, Cookie.DONE, done, seconds=DONE_SECONDS)
