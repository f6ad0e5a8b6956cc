"""One of our own services proves itself by its secret, and may do little with its token."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import SecretStr, ValidationError

from chassis.http.auth import ServiceTokens, read_token
from identity.settings import Settings

SECRET = "what only notifications and identity know"


async def ask(people, service="notifications", secret=SECRET):
    return await people.post("/service-tokens", {"service": service, "secret": secret}, {})


async def test_a_service_gets_a_token_of_its_own_for_a_minute(people, app):
    answers = [await ask(people) for _ in range(2)]

    first, second = [
        await read_token(app.state.keys, answer.json()["access_token"]) for answer in answers
    ]
    assert [answer.json()["expires_in"] for answer in answers] == [60, 60]
    assert (first.role, first.name) == ("service", "notifications")
    assert isinstance(first.id, UUID)
    assert (first.id, first.session_id) == (second.id, second.session_id)
    assert first.id != first.session_id


async def test_what_callers_use_gets_one_too(people, app):
    people.client.base_url = "http://identity"
    tokens = ServiceTokens(people.client, "notifications", SECRET)
    first = await tokens.token()
    caller = await read_token(app.state.keys, first)
    assert await tokens.token() == first
    assert await read_token(app.state.keys, await tokens.renewed(refused=first))
    assert caller.role == "service"


@pytest.mark.parametrize(
    ("service", "secret"),
    [
        ("notifications", f"{SECRET}!"),
        ("notifications", SECRET[:-1]),
        ("notifications", "é" * 40),
        ("notifications", ""),
        ("tickets", SECRET),
        ("tickets", ""),
        ("Notifications", SECRET),
        ("", SECRET),
    ],
)
async def test_a_wrong_secret_and_an_unknown_service_are_refused_alike(people, service, secret):
    answer = await ask(people, service, secret)
    people.refused(answer, 401, "credentials_wrong")
    assert answer.json() == (await ask(people, "nobody", "nothing")).json()


async def test_where_no_secret_is_set_there_is_no_token(people, app, monkeypatch):
    monkeypatch.setattr(app.state.settings, "notifications_secret", None)
    for secret in (SECRET, "", "None"):
        people.refused(await ask(people, secret=secret), 401, "credentials_wrong")


async def test_a_service_is_nobody_and_sees_nobody(people, app):
    customer = await people.registered()
    header = {"Authorization": f"Bearer {(await ask(people)).json()['access_token']}"}

    for method, path in (
        ("GET", "/me"),
        ("GET", "/sessions"),
        ("POST", "/customers"),
        ("POST", "/customers/search"),
        ("GET", f"/customers/{customer['id']}"),
        ("PATCH", f"/customers/{customer['id']}"),
        ("PUT", f"/customers/{customer['id']}/password"),
        ("PUT", "/me/email"),
        ("DELETE", "/me/email/pending"),
        ("GET", "/staff"),
        ("POST", "/staff"),
    ):
        answer = await people.client.request(method, path, json={}, headers=header)
        people.refused(answer, 403, "forbidden")
    body = {"current_password": "x", "new_password": "trois pommes et demie"}
    answer = await people.client.put("/me/password", json=body, headers=header)
    people.refused(answer, 403, "forbidden")


def test_a_secret_that_could_be_guessed_is_no_setting(app):
    url = app.state.settings.database_url
    with pytest.raises(ValidationError, match="at least 32"):
        Settings(database_url=url, notifications_secret=SecretStr("x" * 31))
    assert Settings(database_url=url, notifications_secret=SecretStr("x" * 32)).service_secrets
    assert Settings(database_url=url).service_secrets == {}


async def test_the_secret_of_a_link_is_for_real_tokens_of_services(people, links, mail):
    await people.registered(email="nathalie@example.org")
    await people.forget("nathalie@example.org")
    [link] = await links()
    header = {"Authorization": f"Bearer {(await ask(people)).json()['access_token']}"}
    answer = await people.post(f"/links/{link.link_id}/secret", None, header)
    assert answer.status_code == 200
    assert datetime.fromisoformat(answer.json()["expires_at"]) > datetime.now(UTC)
