"""A link that comes by mail opens once, for a while, and only its hash is kept."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import column, func, select, text, update

from chassis.pruning import prune_all
from chassis.testing import published, token
from contracts.identity.events import PasswordChanged
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity.models import SECRETS_STORED, Account, Link
from identity.operations import sessions
from identity.tokens import secret_hash

PASSWORD = "grenouille sur un vélo"
OTHER_PASSWORD = "trois pommes et demie"
THIRD_PASSWORD = "un parapluie sans pluie"
EMAIL = "nathalie@example.org"

TABLES = text("pg_tables WHERE schemaname = 'public'")

pytestmark = pytest.mark.usefixtures("mail")


@pytest.fixture
async def customer(people):
    return await people.registered(email=EMAIL, first_name="Nathalie", last_name="Rousseau")


@pytest.fixture
async def link(people, customer, links):
    """A link for a forgotten password, as it was announced."""
    assert (await people.forget(EMAIL)).status_code == 202
    return (await links())[-1]


async def disable(session) -> None:
    await session.execute(update(Account).where(Account.email == EMAIL).values(enabled=False))
    await session.commit()


# --- Its secret -------------------------------------------------------------------------------


async def test_a_link_is_announced_with_what_it_is_for_and_no_secret(people, customer, link):
    assert str(link.account_id) == customer["id"]
    assert link.purpose == Purpose.PASSWORD
    assert link.expires_at - link.requested_at == timedelta(hours=1)
    assert link.model_dump(mode="json").keys() == {
        "account_id",
        "link_id",
        "purpose",
        "requested_at",
        "expires_at",
    }


async def test_the_mail_service_gets_the_secret_and_its_recipient(people, link):
    body = (await people.ask_secret(link.link_id)).json()
    assert len(body["secret"]) >= 43
    assert datetime.fromisoformat(body["expires_at"]) == link.expires_at
    assert (body["purpose"], body["email"]) == ("password", EMAIL)
    assert (body["first_name"], body["last_name"]) == ("Nathalie", "Rousseau")


async def test_only_a_service_gets_a_secret(people, link, session):
    for role in Role:
        answer = await people.post(f"/links/{link.link_id}/secret", None, token(role))
        people.refused(answer, 403, "forbidden")
    answer = await people.client.post(f"/links/{link.link_id}/secret")
    people.refused(answer, 401, "unauthenticated")
    assert await session.scalar(select(Link.secret_hashes)) == []


async def test_the_database_and_the_events_hold_no_secret_but_hashes(people, session, link):
    secret = await people.secret(link.link_id)
    await people.use_link(secret)

    stored = await session.scalar(select(Link.secret_hashes))
    assert stored == [secret_hash(secret)]
    tables = (await session.scalars(select(column("tablename")).select_from(TABLES))).all()
    assert {"links", "accounts"} <= set(tables)
    for table in tables:
        rows = await session.scalars(text(f"SELECT row_to_json(r)::text FROM {table} AS r"))
        received = " ".join(rows)
        assert secret not in received
        assert secret.encode().hex() not in received
    assert secret_hash(secret).hex() not in str(await published(session))


async def test_a_mail_that_may_have_left_twice_has_two_links_that_work(people, link):
    first, second = [await people.secret(link.link_id) for _ in range(2)]
    assert first != second
    assert (await people.read_link(first)).json() == (await people.read_link(second)).json()

    assert (await people.use_link(first)).status_code == 200

    for secret in (first, second):
        people.refused(await people.use_link(secret, THIRD_PASSWORD), 409, "link_used")
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201


async def test_the_second_of_two_works_as_well(people, link):
    _, second = [await people.secret(link.link_id) for _ in range(2)]
    assert (await people.use_link(second)).status_code == 200


async def test_of_very_many_secrets_only_the_last_are_kept(people, session, link):
    secrets = [await people.secret(link.link_id) for _ in range(SECRETS_STORED + 1)]
    assert len(await session.scalar(select(Link.secret_hashes))) == SECRETS_STORED
    people.refused(await people.read_link(secrets[0]), 404, "link_unknown")
    assert (await people.read_link(secrets[1])).status_code == 200


async def test_a_link_that_is_over_is_given_no_secret(people, link, later):
    people.refused(await people.ask_secret(uuid4()), 404, "link_unknown")
    secret = await people.secret(link.link_id)
    await people.use_link(secret)
    people.refused(await people.ask_secret(link.link_id), 409, "link_used")


# --- Reading and using --------------------------------------------------------------------------


async def test_reading_a_link_says_what_it_is_for_and_uses_nothing_up(people, link):
    secret = await people.secret(link.link_id)
    for _ in range(3):
        body = (await people.read_link(secret)).json()
    assert datetime.fromisoformat(body["expires_at"]) == link.expires_at
    assert (body["purpose"], body["refuses"]) == ("password", False)
    assert (body["email"], body["role"]) == (EMAIL, "customer")
    assert (await people.use_link(secret)).json() == {
        "purpose": "password",
        "email": EMAIL,
        "refused": False,
    }


async def test_a_used_link_gives_the_password_ends_sessions_and_waits(people, session, link):
    before = await people.session_token(EMAIL)
    for _ in range(5):
        await people.sign_in(EMAIL, "oublié, je ne sais plus")
    people.refused(await people.sign_in(EMAIL), 429, "too_many_attempts")

    assert (await people.use_link(await people.secret(link.link_id))).status_code == 200

    people.refused(await people.exchange(before), 401, "session_ended")
    people.refused(await people.sign_in(EMAIL, PASSWORD), 401, "credentials_wrong")
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201
    *_, event = await published(session)
    assert isinstance(event, PasswordChanged)
    assert event.account_id == link.account_id
    assert not event.first
    assert datetime.now(UTC) - event.changed_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        (None, "required"),
        ("onze lettre", "password_too_short"),
        ("é" * 257, "password_too_long"),
        ("Rousseau 2026", "password_too_common"),
        ("douze\0lettres", "text_nul"),
    ],
)
async def test_a_bad_password_is_refused_and_the_link_still_works(people, link, password, code):
    secret = await people.secret(link.link_id)
    people.refused(await people.use_link(secret, password), 422, code, field="password")
    assert (await people.sign_in(EMAIL)).status_code == 201
    assert (await people.use_link(secret)).status_code == 200


@pytest.mark.parametrize("secret", ["", "x", "é" * 200, "A" * 43])
async def test_what_is_no_secret_opens_nothing(people, link, secret):
    await people.secret(link.link_id)
    people.refused(await people.read_link(secret), 404, "link_unknown")
    people.refused(await people.use_link(secret), 404, "link_unknown")


async def test_what_cannot_be_a_secret_is_malformed(people):
    for secret, code in (("x" * 201, "text_too_long"), ("a\0b", "text_nul")):
        people.refused(await people.read_link(secret), 422, code, field="secret")
        people.refused(await people.use_link(secret), 422, code, field="secret")


async def test_a_link_ends_after_its_hour(people, link, later):
    secret = await people.secret(link.link_id)
    await later(Link, "expires_at", timedelta(minutes=59))
    assert (await people.read_link(secret)).status_code == 200
    await later(Link, "expires_at", timedelta(minutes=2))

    for answer in (
        await people.read_link(secret),
        await people.use_link(secret),
        await people.ask_secret(link.link_id),
    ):
        people.refused(answer, 409, "link_expired")
    assert (await people.sign_in(EMAIL)).status_code == 201


async def test_a_newer_link_ends_the_older_ones(people, links, link):
    older = await people.secret(link.link_id)
    await people.forget(EMAIL)
    newest = (await links())[-1]
    assert newest.link_id != link.link_id

    people.refused(await people.use_link(older), 409, "link_expired")
    people.refused(await people.ask_secret(link.link_id), 409, "link_expired")
    assert (await people.use_link(await people.secret(newest.link_id))).status_code == 200


async def test_links_that_staff_sent_are_not_held_against_who_asks_for_one(
    people, customer, links, mail
):
    for _ in range(3):
        await people.post(f"/customers/{customer['id']}/links", None, people.seller)
    await people.forget(EMAIL)
    sent = await links()
    assert len(sent) == 4
    assert sent[-1].expires_at - sent[-1].requested_at == timedelta(hours=1)


async def test_a_link_of_another_purpose_is_left_alone(people, links, mail):
    await people.registered(email=EMAIL, password=None)
    await people.forget(EMAIL)
    first, second = await links()
    assert (first.purpose, second.purpose) == ("invitation", "password")
    for announced in (first, second):
        secret = await people.secret(announced.link_id)
        assert (await people.read_link(secret)).status_code == 200


@pytest.mark.parametrize("way", ["link", "counter"])
async def test_once_there_is_a_password_no_link_chooses_one(people, links, mail, way):
    customer = await people.registered(email=EMAIL, password=None)
    await people.forget(EMAIL)
    left, other = [await people.secret(each.link_id) for each in await links()]

    if way == "link":
        await people.use_link(other)
    else:
        path = f"/customers/{customer['id']}/password"
        body = {"password": OTHER_PASSWORD}
        await people.client.put(path, json=body, headers=people.seller)

    people.refused(await people.use_link(left, THIRD_PASSWORD), 409, "link_expired")
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201


async def test_once_somebody_changed_their_password_no_link_chooses_one(people, customer, link):
    left = await people.secret(link.link_id)
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    await people.client.put("/me/password", json=body, headers=await people.signed_in(EMAIL))

    people.refused(await people.use_link(left, THIRD_PASSWORD), 409, "link_expired")
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201


async def test_a_disabled_account_has_no_use_for_its_link(people, session, link):
    secret = await people.secret(link.link_id)
    await disable(session)
    for answer in (
        await people.read_link(secret),
        await people.use_link(secret),
        await people.ask_secret(link.link_id),
    ):
        people.refused(answer, 409, "link_expired")
    assert PasswordChanged not in map(type, await published(session))


async def test_links_still_open_when_mail_has_been_switched_off(people, link, app, monkeypatch):
    secret = await people.secret(link.link_id)
    monkeypatch.setattr(app.state.settings, "mail", False)
    assert (await people.use_link(secret)).status_code == 200


async def test_old_links_are_forgotten(people, session, database, link, later):
    await prune_all(database, sessions.PAST)
    assert await session.scalar(select(func.count()).select_from(Link)) == 1
    await later(Link, "expires_at", timedelta(days=31))
    await prune_all(database, sessions.PAST)
    assert await session.scalar(select(func.count()).select_from(Link)) == 0


# --- The address before -------------------------------------------------------------------------


async def test_what_was_sent_to_an_address_before_opens_nothing(people, customer, link):
    secret = await people.secret(link.link_id)
    change = {"email": "n.leroy@example.org"}
    await people.client.patch(f"/customers/{customer['id']}", json=change, headers=people.seller)

    people.refused(await people.use_link(secret), 404, "link_unknown")
    body = (await people.ask_secret(link.link_id)).json()
    assert body["email"] == "n.leroy@example.org"
    answer = await people.use_link(body["secret"])
    assert answer.json()["email"] == "n.leroy@example.org"


# --- At the same instant ------------------------------------------------------------------------


async def invited(people) -> tuple[str, str]:
    """Somebody's address, and the secret of the link that was sent to them."""
    email = f"{uuid4()}@example.org"
    customer = await people.registered(email=email)
    answer = await people.post(f"/customers/{customer['id']}/links", None, people.seller)
    return email, answer.json()["id"]


async def test_of_two_uses_at_the_same_instant_one_wins(busy_people, busy_app):
    people = busy_people
    email, link_id = await invited(people)
    secrets = [await people.secret(link_id) for _ in range(2)]
    words = [OTHER_PASSWORD, THIRD_PASSWORD]

    answers = await asyncio.gather(
        *(people.use_link(secret, word) for secret, word in zip(secrets, words, strict=True))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [lost] = [answer for answer in answers if answer.status_code == 409]
    people.refused(lost, 409, "link_used")
    signed_in = [(await people.sign_in(email, word)).status_code for word in words]
    assert [status == 201 for status in signed_in] == [a.status_code == 200 for a in answers]


async def test_secrets_asked_for_at_the_same_instant_all_work(busy_people):
    people = busy_people
    _, link_id = await invited(people)
    secrets = await asyncio.gather(*(people.secret(link_id) for _ in range(5)))
    answers = [await people.read_link(secret) for secret in secrets]
    assert [answer.status_code for answer in answers] == [200] * 5


async def test_of_links_asked_for_at_the_same_instant_one_is_left(busy_people, busy_app):
    people = busy_people
    customer = await people.registered()
    path = f"/customers/{customer['id']}/links"

    answers = await asyncio.gather(*(people.post(path, None, people.seller) for _ in range(4)))

    assert [answer.status_code for answer in answers] == [201] * 4
    statuses = [(await people.ask_secret(answer.json()["id"])).status_code for answer in answers]
    assert sorted(statuses) == [200, 409, 409, 409]
