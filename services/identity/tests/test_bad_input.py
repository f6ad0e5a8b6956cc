"""Whatever is typed: a stable code beside the field, nothing half-written, and text stays text."""

import json

import httpx
import pytest
from sqlalchemy import func, select

from chassis.testing import published
from contracts.identity.roles import Role
from identity.models import Account

PASSWORD = "grenouille sur un vélo"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"first_name": "x" * 101}, "first_name", "text_too_long"),
        ({"last_name": "x" * 101}, "last_name", "text_too_long"),
        ({"last_name": "e" + "\u0301" * 10_000}, "last_name", "text_too_long"),
        ({"first_name": " \t "}, "first_name", "text_empty"),
        ({"first_name": "a\0b"}, "first_name", "text_nul"),
        ({"first_name": "a\nb"}, "first_name", "text_control"),
        ({"first_name": None}, "first_name", "string_type"),
        ({"email": "sans arobase"}, "email", "email_without_at"),
        ({"email": "nathalie@example"}, "email", "email_without_ending"),
        ({"email": "a b@example.org"}, "email", "email_malformed"),
        ({"email": "nathalie@example.org, n@example.org"}, "email", "email_malformed"),
        ({"email": "nathаlie@example.org"}, "email", "email_letters_mixed"),
        ({"email": "x" * 250 + "@example.org"}, "email", "text_too_long"),
        ({"email": "a\0@example.org"}, "email", "text_nul"),
        ({"password": "onze lettre"}, "password", "password_too_short"),
        ({"password": "é" * 257}, "password", "password_too_long"),
        ({"password": "123456789012"}, "password", "password_too_common"),
        ({"password": "Rousseau 1984"}, "password", "password_too_common"),
        ({"password": "douze\0lettres"}, "password", "text_nul"),
        ({"role": "administrator"}, "role", "extra_forbidden"),
    ],
)
async def test_a_bad_registration_is_refused_beside_the_field(
    people, session, changes, field, code
):
    answer = await people.register(**changes)
    people.refused(answer, 422, code, field)
    assert str(changes.get("password", "\0")) not in answer.text
    assert await session.scalar(select(func.count()).select_from(Account)) == len(people.staff)
    assert await published(session) == []


@pytest.mark.parametrize("field", ["first_name", "last_name", "email", "password"])
async def test_lone_surrogates_are_refused_anywhere(people, field):
    body = {
        "first_name": "Nathalie",
        "last_name": "Rousseau",
        "email": "n@example.org",
        "password": PASSWORD,
    } | {field: "grenouille \ud800 sur un vélo"}
    headers = people.seller | {"Content-Type": "application/json"}
    answer = await people.client.post("/customers", content=json.dumps(body), headers=headers)
    people.refused(answer, 422, "text_surrogate", field)

    given = {"email": "n@example.org", "password": PASSWORD} | {"password": "\udfff"}
    answer = await people.client.post("/sessions", content=json.dumps(given), headers=headers)
    people.refused(answer, 422, "text_surrogate", "password")
    search = json.dumps({"text": "\udfff"})
    answer = await people.client.post("/customers/search", content=search, headers=headers)
    people.refused(answer, 422, "text_surrogate", "text")


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "{{7*7}}", "'; DROP TABLE accounts; --", "e" + "\u0301" * 99],
)
async def test_any_text_is_a_name_and_comes_back_as_it_was(people, session, name):
    customer = await people.registered(first_name=name, last_name=name)
    assert (customer["first_name"], customer["last_name"]) == (name, name)
    answer = await people.client.get(f"/customers/{customer['id']}", headers=people.seller)
    assert answer.json() == customer
    assert await people.found(name[:30]) == [customer["email"]]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"text": "a\0b"}, "text", "text_nul"),
        ({"limit": 0}, "limit", "greater_than_equal"),
        ({"limit": 51}, "limit", "less_than_equal"),
        ({"after": "x" * 401}, "after", "string_too_long"),
    ],
)
async def test_a_bad_search_is_refused(people, body, field, code):
    answer = await people.post("/customers/search", body, people.seller)
    people.refused(answer, 422, code, field)


@pytest.mark.parametrize("words", ["a " * 100, "%" * 200, "\u0301" * 200, "\\" * 199, "é" * 200])
async def test_any_text_can_be_searched(people, words):
    assert await people.found(words) == []


async def test_ids_that_are_none_are_refused(people):
    answer = await people.client.get("/customers/42", headers=people.seller)
    people.refused(answer, 422, "uuid_parsing", "customer_id")
    answer = await people.client.get("/customers", headers=people.seller)
    people.refused(answer, 422, "required", "id")


NAMES = ["Léa pirate.example", "lea@pirate.example", "www.pirate", "http://[::1]"]


@pytest.mark.parametrize("field", ["first_name", "last_name"])
@pytest.mark.parametrize("name", NAMES)
async def test_no_route_gives_anybody_a_name_that_carries_an_address(people, session, name, field):
    """Nobody names themselves: the counter names customers, administrators name staff."""
    customer = await people.registered()
    path = f"/customers/{customer['id']}"
    announced = await published(session)
    for answer in (
        await people.register(**{field: name}),
        await people.client.patch(path, json={field: name}, headers=people.seller),
        await people.hire(Role.SELLER, **{field: name}),
    ):
        people.refused(answer, 422, "name_with_address", field)
    assert (await people.client.get(path, headers=people.seller)).json() == customer
    assert await published(session) == announced


@pytest.mark.parametrize(
    "password",
    [
        "electro-durand-26",  # of the house, as its setting says
        "Nathalie-2026!",  # the person's own, as the two that follow
        "rousseaurousseau",
        "n.rousseau@fontaine.example",
        "comptoir-1234",  # on every page
        "jetaimemaman",  # among the commonest, as the next
        "parapluie2026",  # a French word
    ],
)
async def test_no_route_takes_a_password_that_is_guessed_first(people, links, mail, password):
    email = "n.rousseau@fontaine.example"
    customer = await people.registered(email=email)
    path = f"/customers/{customer['id']}"
    await people.post(f"{path}/links", None, people.seller)
    link = (await links())[-1]
    me = await people.signed_in(email)
    reset, change = {"password": password}, {"current_password": PASSWORD, "new_password": password}

    def refused(answer: httpx.Response, field: str = "password") -> None:
        people.refused(answer, 422, "password_too_common", field)

    refused(await people.register(email=f"other.{email}", password=password))
    refused(await people.hire(Role.SELLER, email=f"staff.{email}", password=password))
    refused(await people.client.put(f"{path}/password", json=reset, headers=people.seller))
    refused(await people.use_link(await people.secret(link.link_id), password))
    refused(await people.client.put("/me/password", json=change, headers=me), "new_password")
    assert (await people.sign_in(email)).status_code == 201


async def test_a_bad_staff_member_is_refused(people):
    answer = await people.hire(Role.SELLER, first_name="x" * 101)
    people.refused(answer, 422, "text_too_long", "first_name")
    answer = await people.hire(Role.SELLER, password="motdepasse123")
    people.refused(answer, 422, "password_too_common", "password")


async def test_a_body_that_is_no_json_is_refused(people):
    headers = people.seller | {"Content-Type": "application/json"}
    answer = await people.client.post("/customers", content=b"{", headers=headers)
    assert answer.status_code == 422
    answer = await people.client.post("/customers", content=b"\xff", headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
