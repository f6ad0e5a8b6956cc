"""The language of a page: `_` and the like, and how it is chosen.

By the person, else by what this browser was switched to, else by what it asks for, else by the
setting for all.
"""

from functools import lru_cache
from pathlib import Path

from babel import Locale
from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.text.translations import Translations, in_language, language, mark, preferred
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.browser.request_headers import Header, read

translations = Translations(Path(__file__).parents[2] / "translations")

_ = translations.gettext
ngettext = translations.ngettext
pgettext = translations.pgettext
npgettext = translations.npgettext
N_ = mark

# Each in itself, as Babel has it: « Français », “English”.
NAMES = {
    tag: (Locale.parse(tag, sep="-").get_display_name() or tag).capitalize()
    for tag in translations.languages
}


class Languages:
    """Sets the language of each request; `speak` changes it once the person is known."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        with in_language(of_browser(Request(scope))):
            return await self.app(scope, receive, send)


def of_browser(request: Request) -> str:
    chosen = cookies.read(request, Cookie.LANGUAGE)
    if chosen in translations.catalogues:
        return chosen
    wanted = preferred(read(request, Header.ACCEPT_LANGUAGE), translations.languages)
    return wanted or request.app.state.settings.language


@lru_cache
def direction_of(tag: str) -> str:
    return "rtl" if Locale.parse(tag, sep="-").text_direction == "rtl" else "ltr"


def direction() -> str:
    """Of the text of a page: `ltr` or `rtl`."""
    return direction_of(language.get())


def speak(tag: str | None) -> None:
    """The rest of this request in the language that its person has chosen, if there is one."""
    if tag in translations.catalogues:
        language.set(tag)
