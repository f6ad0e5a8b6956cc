"""Forms: what was typed, its errors, and the proof that our page sent it."""

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic_core import PydanticCustomError

from contracts.identity.emails import read_email, suggestion_for
from contracts.text import Body
from web.clients.gateway import Problem
from web.shared import words
from web.shared.browser.request_headers import Header, has, read
from web.shared.sessions import Person, SignedIn

TOKEN, KEY = "form_token", "form_key"
SECRETS = {"password", "current_password", "new_password"}
# What may have moved on when the same is sent again, by the names of the forms; the contract's
# bodies name theirs. They are no part of what was composed.
CIRCUMSTANCES = {"minutes", "seen_position", "seen", "anyway"}

# What concerns the person or the page, and is not the form's to explain.
NOT_OURS = {"unauthenticated", "session_ended", "forbidden", "not_found", "ticket_unknown"}


class ForeignForm(Exception):
    """Another site's page sent this form."""


class StaleForm(Exception):
    """The form is of an earlier session of this browser, or of nobody."""

    def __init__(self, person: SignedIn) -> None:
        super().__init__()
        self.person = person


@dataclass
class Form:
    """One form of a page: `values` as typed, French `errors` by field, `problem` for the whole.

    `key` goes to the API as Idempotency-Key: sent twice, the form acts once.
    """

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    status: int = 200
    retry_after: int | None = None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def fields_of(self, body: type[Body]) -> dict[str, str]:
        """What was typed of the fields that the contract lists; an empty one is not given."""
        return {name: self[name] for name in body.model_fields if self[name]}

    def refuse(self, name: str, message: str) -> "Form":
        """Add an error to a field; the page is then answered with 422."""
        self.status = 422
        self.errors.setdefault(name, message)
        return self

    def refused(self, problem: Problem, *, fields: dict[str, str] | None = None) -> "Form":
        """Take over the errors of a service; `fields` maps its field names to the form's.

        Problems of the person or the page, rather than the form, are raised again.
        """
        if problem.code in NOT_OURS:
            raise problem
        self.status = problem.status if problem.status < 500 else 503
        self.retry_after = problem.retry_after
        for error in problem.errors:
            name = (fields or {}).get(error.field, error.field)
            message = words.refusal(error.code, error.context, field=name)
            if name in self.values:
                self.errors.setdefault(name, message)
            else:
                self.problem = f"{self.problem} {message}".strip()
        if not problem.errors:
            self.problem = words.refusal(
                problem.code, problem.context, retry_after=problem.retry_after
            )
        if problem.code == "idempotency_key_reused":
            self.key = self.next_key()
        return self

    def next_key(self) -> str:
        """A new key for a form that was changed after it was sent, derived from its key and
        content.

        So the same content has the same key, whichever way it is sent again: from this page, from
        the previous one, from another tab. It reveals nothing of a password: customers type theirs
        at the counter, and the key goes to the seller's page.
        """
        left_out = SECRETS | CIRCUMSTANCES
        composed = {name: text for name, text in self.values.items() if name not in left_out}
        typed = json.dumps(composed, sort_keys=True)
        return str(uuid.uuid5(uuid.UUID(self.key), typed))

    @property
    def is_refused(self) -> bool:
        return bool(self.errors or self.problem)


def question_email(form: Form) -> None:
    """Ask once about an address that looks like a typo; sent again as it is, it is accepted."""
    try:
        meant = suggestion_for(read_email(form["email"]))
    except PydanticCustomError:
        return  # for the service to explain
    if meant and form["email_meant"] != form["email"]:
        form.values["email_meant"] = form["email"]
        form.refuse("email", words.email_question(meant))


def form_token(secret: str, person_id: UUID, session_token: str) -> str:
    """Proves that our page made the form: nobody else can compute it, or use another person's.

    It begins with the person's id, so that the owner is known after the session has ended.
    """
    signed = f"form:{person_id}:{session_token}".encode()
    return f"{person_id}.{hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def token_for(request: Request, person: SignedIn) -> str:
    secret = request.app.state.settings.web_secret.get_secret_value()
    return form_token(secret, person.id, person.session_token)


def owner_of(token: str) -> UUID | None:
    """The person in the token; None if our pages did not make it."""
    try:
        return UUID(token.partition(".")[0])
    except ValueError:
        return None


def check_site(request: Request) -> None:
    """Refuse requests of other sites, by what the browser says of them."""
    if has(request, Header.SITE) and read(request, Header.SITE) not in {"same-origin", "none"}:
        raise ForeignForm


def check_origin(request: Request) -> None:
    """Refuse forms of other sites; for very old browsers the form's token decides."""
    check_site(request)
    if not has(request, Header.ORIGIN):
        return
    scheme, _, host = read(request, Header.ORIGIN).partition("://")
    if not scheme or not host or host != read(request, Header.HOST):
        raise ForeignForm


async def typed_values(request: Request) -> dict[str, str]:
    """The text fields of a form; of a repeated name the last one counts.

    Cached for error handlers: a body can only be read once.
    """
    if not hasattr(request.state, "typed"):
        sent = await request.form()
        request.state.typed = {
            name: value for name, value in sent.multi_items() if isinstance(value, str)
        }
    return dict(request.state.typed)


async def remember_typed(request: Request) -> None:
    """Before anything else: error handlers cannot read the body any more."""
    if request.method == "POST":
        await typed_values(request)


async def anonymous_form(request: Request) -> Form:
    """A form that needs no sign-in: only the browser's headers prove its origin."""
    if not (has(request, Header.ORIGIN) or has(request, Header.SITE)):
        raise ForeignForm
    check_origin(request)
    return made(await typed_values(request))


async def key_form(request: Request) -> Form:
    """A form whose address is a secret from a mail: whoever knows it may send the form.

    Its page sends no referrer, so browsers call its origin « null ».
    """
    check_site(request)
    return made(await typed_values(request))


async def typed_form(request: Request, person: Person) -> Form:
    """A form of a signed-in person; origin and token are checked."""
    check_origin(request)
    values = await typed_values(request)
    given = values.get(TOKEN, "").encode()
    if not hmac.compare_digest(given, token_for(request, person).encode()):
        raise StaleForm(person)
    return made(values)


def made(values: dict[str, str]) -> Form:
    values.pop(TOKEN, None)
    key = values.pop(KEY, "")
    return Form(values=values, key=key if is_key(key) else str(uuid.uuid4()))


def is_key(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


Anonymous = Annotated[Form, Depends(anonymous_form)]
ByKey = Annotated[Form, Depends(key_form)]
Typed = Annotated[Form, Depends(typed_form)]
