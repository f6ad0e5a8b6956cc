"""Forms: proof of origin, one effect per form, and what was typed beside what is wrong with it."""

import uuid

import pytest
from starlette.requests import Request

from contracts.text import FieldError
from web.clients.gateway import Problem
from web.shared.forms import (
    ForeignForm,
    Form,
    check_origin,
    form_token,
    made,
    owner_of,
    question_email,
)

SECRET = "a secret that is long enough for every form"


def sent(**headers: str) -> Request:
    named = {"host": "guichet.test", **{name.replace("_", "-"): v for name, v in headers.items()}}
    raw = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://guichet.test"},
        {"origin": "http://guichet.test", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_our_own_pages_may_send_forms(headers):
    check_origin(sent(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://elsewhere.test"},
        {"origin": "null"},
        {"origin": "http://guichet.test.elsewhere.test"},
        {"origin": "http://guichet.test:81"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://guichet.test", "sec_fetch_site": "cross-site"},
    ],
)
def test_other_sites_may_not(headers):
    with pytest.raises(ForeignForm):
        check_origin(sent(**headers))


def test_a_token_belongs_to_one_session_and_one_installation():
    somebody = uuid.uuid4()
    token = form_token(SECRET, somebody, "session a")
    assert token == form_token(SECRET, somebody, "session a")
    assert token != form_token(SECRET, somebody, "session b")
    assert token != form_token(SECRET, uuid.uuid4(), "session a")
    assert token != form_token(SECRET + "!", somebody, "session a")
    assert "session a" not in token
    assert owner_of(token) == somebody
    for odd in ("", "x.y", str(somebody)[:-1] + ".y"):
        assert owner_of(odd) is None


def test_the_key_of_a_form_survives_its_refusal_and_nothing_else_is_taken_for_one():
    key = str(uuid.uuid4())
    assert made({"form_key": key}).key == key
    for odd in ("", "x" * 36, key.upper() + "0", "1\n2"):
        assert made({"form_key": odd}).key != odd
    assert made({"form_key": key, "form_token": "t", "text": "a"}).values == {"text": "a"}


def problem(code: str, *errors: FieldError, status: int = 422) -> Problem:
    return Problem(status, code, errors=list(errors))


def wrong(field: str, code: str, **context: int) -> FieldError:
    return FieldError(field=field, code=code, detail="", context=dict(context))


def test_a_refusal_is_told_beside_its_field():
    form = Form(values={"subject": "", "description": "x"})
    form.refused(problem("invalid", wrong("subject", "text_empty")))
    assert form.status == 422
    assert form.errors == {"subject": "Indiquez le problème en une phrase."}
    assert not form.problem
    assert form["description"] == "x"


def test_a_refusal_of_a_field_that_the_form_has_not_is_told_above_it():
    form = Form(values={"text": "x"})
    form.refused(problem("ticket_resolved", status=409))
    assert form.status == 409
    assert form.problem == "Cette demande est résolue\u00a0: elle ne reçoit plus de message."
    form = Form(values={"text": "x"}).refused(problem("invalid", wrong("elsewhere", "required")))
    assert form.problem


def test_field_names_of_the_service_may_differ_from_the_forms():
    form = Form(values={"mail": "x"})
    form.refused(problem("invalid", wrong("email", "email_malformed")), fields={"email": "mail"})
    assert list(form.errors) == ["mail"]


def test_silence_is_503_and_the_form_is_kept():
    form = Form(values={"text": "x"}).refused(Problem(502, "unavailable"))
    assert form.status == 503
    assert form["text"] == "x"
    assert "Votre saisie est conservée" in form.problem


def test_a_key_that_was_used_for_something_else_is_replaced_by_one_for_what_is_sent_now():
    key = str(uuid.uuid4())
    form, again, other = (Form(values={"text": text}, key=key) for text in ("a", "a", "b"))
    assert form.refused(problem("ticket_resolved", status=409)).key == key
    assert form.refused(Problem(502, "unavailable")).key == key
    reused = problem("idempotency_key_reused")
    assert form.refused(reused).key == again.refused(reused).key != key
    assert other.refused(reused).key not in {key, form.key}
    later = Form(values={"text": "a", "minutes": "4", "seen_position": "9"}, key=key)
    assert later.refused(reused).key == form.key
    with_password = Form(values={"text": "a", "password": "a secret of mine"}, key=key)
    assert with_password.refused(reused).key == form.key


def test_an_address_that_looks_like_a_slip_is_questioned_once():
    form = Form(values={"email": "lea@gmial.com"})
    question_email(form)
    assert form.status == 422
    assert "Vouliez-vous dire lea@gmail.com" in form.errors["email"]
    again = Form(values=dict(form.values))
    question_email(again)
    assert not again.is_refused
    changed = Form(values=form.values | {"email": "lea@gmai.com"})
    question_email(changed)
    assert changed.is_refused
    for fine in ("lea@gmail.com", "not an address", "lea@straße.example"):
        form = Form(values={"email": fine})
        question_email(form)
        assert not form.is_refused


@pytest.mark.parametrize("code", ["unauthenticated", "forbidden", "ticket_unknown"])
def test_what_concerns_the_person_or_the_page_is_not_the_forms(code):
    with pytest.raises(Problem):
        Form().refused(problem(code, status=404))


def test_a_wrong_password_is_the_forms():
    form = Form().refused(problem("credentials_wrong", status=401))
    assert form.problem == "Adresse e-mail ou mot de passe incorrect."
