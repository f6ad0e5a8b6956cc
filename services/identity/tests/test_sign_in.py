"""Signing in, the session, and the tokens it is exchanged for."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from jwt import PyJWK
from sqlalchemy import select, update

from chassis.http.auth import AUDIENCE, ISSUER
from contracts.identity.roles import Role
from identity.models import Account, Session
from identity.passwords import Passwords

PASSWORD = "grenouille sur un vélo"
SERVICE_SECRET = "what only notifications and identity know"
EMAIL = "nathalie@example.org"


async def test_the_right_password_opens_a_session(people, session):
    customer = await people.registered(email="Nathalie@Example.org", first_name="Élise")

    answer = await people.sign_in("  nathalie@EXAMPLE.org ", agent="Firefox\t140" + "x" * 300)

    assert answer.status_code == 201
    body = answer.json()
    assert body["account"]["id"] == customer["id"]
    assert body["account"]["role"] == "customer"
    assert len(body["token"]) >= 43
    stored = await session.scalar(select(Session).filter_by(account_id=customer["id"]))
    assert body["token"].encode() not in stored.token_hash
    assert stored.user_agent == ("Firefox140" + "x" * 300)[:200]


async def test_a_password_is_the_same_however_its_accents_were_typed(people):
    await people.registered(email=EMAIL, password="grenouille sur un v\u00e9lo")

    assert (await people.sign_in(EMAIL, "grenouille sur un ve\u0301lo")).status_code == 201


async def test_a_wrong_password_an_unknown_and_a_disabled_account_look_alike(people, session):
    await people.registered(email=EMAIL)
    await people.registered(email="ancien@example.org")
    away = update(Account).where(Account.email == "ancien@example.org").values(enabled=False)
    await session.execute(away)
    await session.commit()

    wrong = await people.sign_in(EMAIL, "pas le bon du tout")
    unknown = await people.sign_in("inconnue@example.org")
    disabled = await people.sign_in("ancien@example.org")

    people.refused(wrong, 401, "credentials_wrong")
    assert wrong.json() == unknown.json() == disabled.json()


async def test_an_unknown_account_costs_as_much_as_a_known_one(people, app, monkeypatch):
    checked = []
    check = Passwords.check

    def counted(self: Passwords, stored: str, given: str) -> bool:
        checked.append(stored)
        return check(self, stored, given)

    monkeypatch.setattr(Passwords, "check", counted)
    await people.registered(email=EMAIL)
    await people.sign_in(EMAIL, "pas le bon du tout")
    await people.sign_in("inconnue@example.org")

    known, nobodys = checked
    assert known != nobodys
    # The same parameters, so the same time.
    assert (
        known.rpartition("$")[0].rpartition("$")[0] == nobodys.rpartition("$")[0].rpartition("$")[0]
    )


async def test_an_impossible_address_is_simply_unknown(people):
    people.refused(await people.sign_in("pas une adresse"), 401, "credentials_wrong")


async def test_a_password_hashed_with_older_parameters_is_hashed_again(people, app, session):
    await people.registered(email=EMAIL)
    older = Passwords(memory_kib=16, passes=1, queue=1)
    await session.execute(update(Account).values(password_hash=await older.hash(PASSWORD)))
    await session.commit()

    await people.session_token(EMAIL)

    stored = await session.scalar(select(Account.password_hash).filter_by(email=EMAIL))
    assert not app.state.passwords.is_outdated(stored)
    await people.session_token(EMAIL)


async def test_a_session_is_exchanged_for_a_token_that_every_service_can_check(people):
    customer = await people.registered(email=EMAIL, first_name="Nathalie", last_name="Rousseau")
    answer = await people.exchange(await people.session_token(EMAIL))

    assert answer.json()["expires_in"] == 60
    assert answer.json()["token_type"] == "Bearer"
    signed = answer.json()["access_token"]
    published = await people.client.get("/keys")
    now = datetime.fromisoformat(published.json()["now"])
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    keys = {key["kid"]: PyJWK(key) for key in published.json()["keys"]}
    key = keys[jwt.get_unverified_header(signed)["kid"]]
    claims = jwt.decode(signed, key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER)
    assert claims["sub"] == customer["id"]
    assert claims["role"] == "customer"
    assert claims["name"] == "Nathalie Rousseau"
    assert claims["exp"] - claims["iat"] == 60


async def test_no_cache_keeps_a_token_or_what_is_known_of_sessions(people, links, mail):
    customer = await people.registered(email=EMAIL)
    await people.post(f"/customers/{customer['id']}/links", None, people.seller)
    [link] = await links()
    me = await people.signed_in(EMAIL)
    service = {"service": "notifications", "secret": SERVICE_SECRET}
    answers = [
        await people.sign_in(EMAIL),
        await people.exchange(await people.session_token(EMAIL)),
        await people.client.get("/keys"),
        await people.client.get("/sessions", headers=me),
        await people.client.get("/me", headers=me),
        await people.post("/service-tokens", service, {}),
        await people.ask_secret(link.link_id),
        await people.read_link(await people.secret(link.link_id)),
        await people.use_link(await people.secret(link.link_id)),
        await people.sign_in(EMAIL),  # whose password is another by now
    ]
    assert [answer.status_code for answer in answers] == [201, *[200] * 8, 401]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


async def test_published_keys_hold_no_private_part(people):
    [key] = (await people.client.get("/keys")).json()["keys"]
    assert set(key) == {"kty", "crv", "use", "alg", "kid", "x"}


async def test_the_token_of_an_unknown_session_is_refused(people):
    people.refused(await people.exchange("invented"), 401, "session_ended")
    people.refused(await people.client.post("/tokens"), 401, "unauthenticated")


async def test_signing_out_ends_the_session(people):
    await people.registered(email=EMAIL)
    session_token = await people.session_token(EMAIL)
    access = (await people.exchange(session_token)).json()["access_token"]
    headers = {"Authorization": f"Bearer {access}"}

    for _ in range(2):  # again is as good as once
        assert (await people.client.delete("/sessions/current", headers=headers)).status_code == 204

    people.refused(await people.exchange(session_token), 401, "session_ended")


async def test_a_revoked_session_is_refused_at_the_exchange(people):
    await people.registered(email=EMAIL)
    lost = await people.session_token(EMAIL)
    me = await people.signed_in(EMAIL)
    sessions = (await people.client.get("/sessions", headers=me)).json()["sessions"]
    assert sorted(one["current"] for one in sessions) == [False, True]
    [other] = [one for one in sessions if not one["current"]]
    assert other["user_agent"] == "Firefox"

    answer = await people.client.delete(f"/sessions/{other['id']}", headers=me)

    assert answer.status_code == 204
    people.refused(await people.exchange(lost), 401, "session_ended")
    left = (await people.client.get("/sessions", headers=me)).json()["sessions"]
    assert [one["current"] for one in left] == [True]


async def test_all_other_sessions_can_be_ended_at_once(people):
    await people.registered(email=EMAIL)
    others = [await people.session_token(EMAIL) for _ in range(3)]
    me = await people.signed_in(EMAIL)

    answer = await people.client.delete("/sessions", headers=me)

    assert answer.json() == {"closed": 3}
    for token in others:
        people.refused(await people.exchange(token), 401, "session_ended")
    assert (await people.client.get("/me", headers=me)).status_code == 200


async def test_nobody_ends_or_sees_the_session_of_another(people):
    await people.registered(email=EMAIL)
    await people.registered(email="marc@example.org")
    mine = await people.session_token(EMAIL)
    [one] = (await people.client.get("/sessions", headers=await people.signed_in(EMAIL))).json()[
        "sessions"
    ][-1:]
    marc = await people.signed_in("marc@example.org")

    answer = await people.client.delete(f"/sessions/{one['id']}", headers=marc)

    people.refused(answer, 404, "session_unknown")
    assert (await people.exchange(mine)).status_code == 200


async def test_a_used_session_lives_on_and_an_unused_one_ends(people, session, later, app):
    await people.registered(email=EMAIL)
    token = await people.session_token(EMAIL)
    lifetime = app.state.settings.session_lifetime(Role.CUSTOMER)

    await later(Session, "expires_at", lifetime.unused - timedelta(minutes=5))
    await later(Session, "last_used_at", lifetime.unused - timedelta(minutes=5))
    assert (await people.exchange(token)).status_code == 200
    expires_at = await session.scalar(select(Session.expires_at).filter_by(user_agent="Firefox"))
    assert expires_at > datetime.now(UTC) + lifetime.unused - timedelta(minutes=1)

    await later(Session, "expires_at", lifetime.unused)
    people.refused(await people.exchange(token), 401, "session_ended")


async def test_the_last_use_is_noted_once_a_minute(people, session, later):
    await people.registered(email=EMAIL)
    token = await people.session_token(EMAIL)
    opened = await session.scalar(select(Session.last_used_at).filter_by(user_agent="Firefox"))

    await people.exchange(token)
    assert (
        await session.scalar(select(Session.last_used_at).filter_by(user_agent="Firefox")) == opened
    )

    await later(Session, "last_used_at", timedelta(seconds=61))
    await people.exchange(token)
    assert (
        await session.scalar(select(Session.last_used_at).filter_by(user_agent="Firefox")) > opened
    )


async def test_a_disabled_account_gets_no_more_tokens(people, session):
    await people.registered(email=EMAIL)
    token = await people.session_token(EMAIL)
    me = await people.signed_in(EMAIL)
    await session.execute(update(Account).values(enabled=False))
    await session.commit()

    people.refused(await people.exchange(token), 401, "session_ended")
    people.refused(await people.client.get("/me", headers=me), 401, "session_ended")


async def test_a_token_of_another_role_is_refused_though_its_session_stands(people, session):
    await people.hired(Role.ADMINISTRATOR, email=EMAIL)
    me = await people.signed_in(EMAIL)
    seller = update(Account).where(Account.email == EMAIL).values(role=Role.SELLER)
    await session.execute(seller)
    await session.commit()

    people.refused(await people.client.get("/me", headers=me), 401, "session_ended")
    now = await people.signed_in(EMAIL)
    assert (await people.client.get("/me", headers=now)).json()["role"] == "seller"


def test_staff_sessions_end_sooner_than_those_of_customers(app):
    lifetime = app.state.settings.session_lifetime
    assert lifetime(Role.SELLER) < lifetime(Role.CUSTOMER)
    assert lifetime(Role.SELLER).most == timedelta(days=7)
    assert lifetime(Role.CUSTOMER).most == timedelta(days=90)


async def test_a_session_ends_for_good_however_much_it_is_used(people, later, app):
    await people.registered(email=EMAIL)
    token = await people.session_token(EMAIL)
    most = app.state.settings.session_lifetime(Role.CUSTOMER).most
    await later(Session, "opened_at", most - timedelta(minutes=1))
    await later(Session, "last_used_at", timedelta(minutes=2))
    assert (await people.exchange(token)).status_code == 200

    await later(Session, "expires_at", timedelta(minutes=1))

    people.refused(await people.exchange(token), 401, "session_ended")


async def test_the_twenty_first_session_ends_the_one_unused_for_longest(people, session):
    await people.registered(email=EMAIL)
    first = await people.session_token(EMAIL)
    second = await people.session_token(EMAIL)
    for _ in range(18):
        await people.session_token(EMAIL)
    assert (await people.exchange(first)).status_code == 200

    newest = await people.session_token(EMAIL)

    people.refused(await people.exchange(first), 401, "session_ended")
    assert (await people.exchange(second)).status_code == 200
    assert (await people.exchange(newest)).status_code == 200
    me = await people.signed_in(EMAIL)  # a twenty-second
    listed = (await people.client.get("/sessions", headers=me)).json()["sessions"]
    assert (len(listed), listed[0]["current"]) == (20, True)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"email": EMAIL}, "password", "required"),
        ({"email": EMAIL, "password": PASSWORD, "more": 1}, "more", "extra_forbidden"),
        ({"email": "a\0b@example.org", "password": PASSWORD}, "email", "text_nul"),
        ({"email": EMAIL, "password": "é" * 257}, "password", "text_too_long"),
    ],
)
async def test_a_malformed_sign_in_names_the_field_and_never_repeats_what_was_typed(
    people, body, field, code
):
    answer = await people.post("/sessions", body, {})
    people.refused(answer, 422, code, field)
    assert PASSWORD not in answer.text
