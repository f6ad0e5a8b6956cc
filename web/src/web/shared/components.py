"""The smallest components, used dozens of times per page: in Python, since a macro takes ten times
as long.
"""

from datetime import datetime
from functools import lru_cache

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from web.shared import words
from web.shared.forms import Form
from web.shared.text.language import pgettext
from web.shared.text.unbroken import unbroken

PRIORITY_ICONS = {"urgent": "flag", "high": "high", "normal": "minus", "low": "low"}


@lru_cache(maxsize=512)
def icon(name: str, cls: str = "") -> Markup:
    classes = f"icon {cls}" if cls else "icon"
    return Markup('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>').format(
        classes, name
    )


def status(kind: str, tag: bool = False) -> Markup:
    """The status of a request, as a chip or (`tag`) as text with a sign."""
    return labelled(kind, tag, words.status(kind))


@lru_cache(maxsize=64)
def labelled(kind: str, tag: bool, text: str) -> Markup:
    return Markup('<span class="status status--{}{}">{}{}</span>').format(
        kind, " status--tag" if tag else "", icon(f"st-{kind}"), text
    )


@lru_cache(maxsize=64)
def priority(code: str, text: str) -> Markup:
    """Shape and colour differ; « normal » is not shown in lists."""
    return Markup('<span class="prio prio--{}">{}{}</span>').format(
        code, icon(PRIORITY_ICONS[code], "icon--s"), text
    )


def no(number: int) -> str:
    """« n° 1044 », of a request."""
    return pgettext("of a request", "n° %(number)s", number=number)


def when(moment: datetime, text: str) -> Markup:
    return Markup(f'<time datetime="{moment.isoformat()}">{escape(text)}</time>')  # noqa: S704 - escaped


@pass_context
def guard(context: Context, form: Form | None = None) -> Markup:
    """Every form of a signed-in person needs the token; those that create something need the key."""
    token = Markup('<input type="hidden" name="form_token" value="{}">').format(
        context["form_token"]
    )
    if form is None:
        return token
    return token + Markup('<input type="hidden" name="form_key" value="{}">').format(form.key)


@pass_context
def done_notice(context: Context) -> Markup:
    """What the last form did, shown once."""
    if not context["done"]:
        return Markup()
    return Markup(
        '<p class="flash notice no-print" role="status" data-done>{}<span>{}</span></p>'
    ).format(icon("check"), unbroken(context["done"]))
