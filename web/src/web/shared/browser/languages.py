"""The language of a request before its person is known.

What this browser was switched to, else what it asks for, else the setting for all.
"""

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.text.translations import in_language, preferred
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.browser.request_headers import Header, read
from web.shared.text.language import translations


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
