"""The latest searches of a browser, stored so that Back shows them again; none is in an address.

They are encrypted in a cookie of their page, since any replica may be asked. An address only holds
a random name: `/clients?r=…`.
"""

import json
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from contracts.text import first_words
from web.shared import words
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.forms import Form
from web.shared.rendering import is_part
from web.shared.sealing import SealedForm, seal, unseal
from web.shared.sessions import SignedIn

LONGEST_COOKIE = 3_600  # browsers take 4,096 with its name and attributes
LONGEST_VALUE = 400
NAME = "r"

GONE = words.typeset("Cette recherche n’est plus en mémoire : refaites-la.")


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
        if is_part(request) and form[NAME] in self.latest(request, person):
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
        """The newest searches stay, as many as a cookie holds."""
        latest = {name: json.dumps(values), **self.latest(request, person)}
        latest[name] = json.dumps(values)
        secret = secret_of(request)
        while (
            len(sealed := seal(secret, SealedForm(person.id, self.path, latest))) > LONGEST_COOKIE
        ):
            latest.popitem()
        cookies.give(request, response, Cookie.SEARCHES, sealed, seconds=None, path=self.path)

    def recalled(self, request: Request, person: SignedIn, name: str) -> Form:
        """The search of this name as it was typed; without a name an empty one."""
        values = dict.fromkeys(self.fields, "")
        if not name:
            return Form(values=values)
        found = self.latest(request, person).get(name)
        if found is None:
            return Form(values=values, problem=GONE)
        return Form(values=values | json.loads(found))

    def latest(self, request: Request, person: SignedIn) -> dict[str, str]:
        """By name, the newest first; nobody else's."""
        found = unseal(secret_of(request), cookies.read(request, Cookie.SEARCHES, self.path))
        if found is None or (found.owner, found.action) != (person.id, self.path):
            return {}
        return found.values


def new_name() -> str:
    return secrets.token_urlsafe(6)


def secret_of(request: Request) -> str:
    return request.app.state.settings.web_secret.get_secret_value()
