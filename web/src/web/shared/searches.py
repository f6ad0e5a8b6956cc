"""The latest searches of a browser, stored so that Back shows them again; none is in an address.

Each is encrypted in a cookie of its page, since any replica may be asked; one of its own, since tabs
search at once. An address only holds a random name: `/clients?r=…`.
"""

import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from contracts.text import first_words
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.forms import Form
from web.shared.rendering import is_part
from web.shared.sealing import SealedForm, seal, unseal
from web.shared.sessions import SignedIn
from web.shared.text.language import N_, _

LONGEST = 3_600  # bytes of all of a page; browsers take 4,096 of one, with its name and attributes
LONGEST_VALUE = 400
NAME = "r"

GONE = N_("Cette recherche n’est plus en mémoire : refaites-la.")


@dataclass(frozen=True)
class SearchPage:
    """A page whose list is searched by POST, with the fields of its search."""

    path: str
    fields: tuple[str, ...]

    def typed(self, form: Form) -> dict[str, str]:
        values = {name: form[name].strip()[:LONGEST_VALUE] for name in self.fields}
        return {**values, "text": first_words(form["text"].strip())}

    def searched(self, request: Request, person: SignedIn, form: Form) -> RedirectResponse:
        """To the address that shows this search, now and when the browser comes back to it."""
        values = self.typed(form)
        if not any(values.values()):
            return RedirectResponse(self.path, status_code=303)
        name = new_name()
        response = RedirectResponse(self.address(name), status_code=303)
        self.remember(request, response, person, name, values)
        return response

    def address(self, name: str, **filters: str) -> str:
        """With what else narrows the list: no filter holds what was typed."""
        query = urlencode({key: value for key, value in {NAME: name, **filters}.items() if value})
        return f"{self.path}?{query}" if query else self.path

    def name_of(self, request: Request, person: SignedIn, form: Form) -> str:
        """Of the search that this form sends: it stays while somebody goes on typing.

        Only answers to what is typed hold it, no page of its own: another tab, or an earlier entry
        of the history, may show the same search.
        """
        if is_part(request) and self.stored(request, person, form[NAME]) is not None:
            return form[NAME]
        return new_name()

    def remember(
        self,
        request: Request,
        response: Response,
        person: SignedIn,
        name: str,
        values: dict[str, str],
    ) -> None:
        """The newest searches stay, as many as the bytes of a page hold; nobody else's is read."""
        sealed = seal(secret_of(request), SealedForm(person.id, self.path, values))
        value = f"{time.time_ns():020}.{sealed}"
        left = LONGEST - len(value)
        if left >= 0:
            cookies.give(request, response, cookie_of(name), value, seconds=None, path=self.path)
        for other in self.newest_first(request):
            if other != name:
                left -= len(cookies.read(request, cookie_of(other), self.path))
                if left < 0:
                    cookies.take_back(request, response, cookie_of(other), self.path)

    def recalled(self, request: Request, person: SignedIn, name: str) -> Form:
        """The search of this name as it was typed; without a name an empty one."""
        values = dict.fromkeys(self.fields, "")
        if not name:
            return Form(values=values)
        found = self.stored(request, person, name)
        if found is None:
            return Form(values=values, problem=_(GONE))
        return Form(values=values | found)

    def stored(self, request: Request, person: SignedIn, name: str) -> dict[str, str] | None:
        _, _, sealed = cookies.read(request, cookie_of(name), self.path).partition(".")
        found = unseal(secret_of(request), sealed)
        if found is None or (found.owner, found.action) != (person.id, self.path):
            return None
        return found.values

    def newest_first(self, request: Request) -> list[str]:
        """Of all that this browser keeps for the page, whoever's they are: values begin with the time."""
        return sorted(
            cookies.endings(request, cookie_of(""), self.path),
            key=lambda name: cookies.read(request, cookie_of(name), self.path),
            reverse=True,
        )


def cookie_of(name: str) -> str:
    return f"{Cookie.SEARCHES}_{name}"


def new_name() -> str:
    return secrets.token_urlsafe(6)


def secret_of(request: Request) -> str:
    return request.app.state.settings.web_secret.get_secret_value()
