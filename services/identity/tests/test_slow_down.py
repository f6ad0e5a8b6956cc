"""Repeated failures wait longer and longer, and do not reveal which accounts exist."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from chassis.pruning import prune_all
from identity.models import Slowdown
from identity.operations import sessions
from identity.operations.attempts import subject_of
from identity.passwords import MAX_WAITING_PER_ACCOUNT

EMAIL = "nathalie@example.org"
PASSWORD = "grenouille sur un vélo"
WRONG = "pas le bon du tout"
NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def failures(count: int, kind: str = "account") -> Slowdown:
    return Slowdown(kind=kind, subject=b"", failures=count, last_failed_at=NOW)


@pytest.mark.parametrize(
    ("count", "seconds"), [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (9, 300), (5000, 300)]
)
def test_the_wait_doubles_after_five_failures_up_to_five_minutes(count, seconds):
    assert failures(count).wait(NOW) == timedelta(seconds=seconds)
    assert failures(count).wait(NOW + timedelta(seconds=seconds)) == timedelta(0)


def test_an_address_that_many_share_has_more_failures_free():
    assert failures(29, "address").wait(NOW) == timedelta(0)
    assert failures(30, "address").wait(NOW) == timedelta(seconds=30)


def test_failures_are_forgotten_after_a_quarter_of_an_hour():
    stored = failures(7)
    stored.count(NOW + timedelta(minutes=14))
    assert stored.failures == 8
    stored.count(NOW + timedelta(minutes=30))
    assert stored.failures == 1


@pytest.mark.parametrize("registered", [True, False])
async def test_after_five_failures_even_the_right_password_waits(people, registered, later):
    if registered:
        await people.registered(email=EMAIL)
    for _ in range(5):
        people.refused(await people.sign_in(EMAIL, WRONG), 401, "credentials_wrong")

    answer = await people.sign_in(EMAIL, address="198.51.100.7")

    problem = people.refused(answer, 429, "too_many_attempts")
    assert 0 < int(answer.headers["retry-after"]) <= 30
    assert problem["context"] == {"seconds": int(answer.headers["retry-after"])}

    await later(Slowdown, "last_failed_at", timedelta(seconds=31))
    assert (await people.sign_in(EMAIL)).status_code == (201 if registered else 401)


async def test_attempts_during_a_wait_do_not_prolong_it(people, session):
    await people.registered(email=EMAIL)
    for _ in range(8):
        await people.sign_in(EMAIL, WRONG)
    by_kind = select(Slowdown.kind, Slowdown.failures)
    assert dict((await session.execute(by_kind)).all()) == {"account": 5, "address": 5}


async def test_a_success_clears_the_account_and_not_the_address(people, session):
    await people.registered(email=EMAIL)
    for _ in range(4):
        await people.sign_in(EMAIL, WRONG)
    await people.session_token(EMAIL)
    by_kind = select(Slowdown.kind, Slowdown.failures)
    stored = dict((await session.execute(by_kind)).all())
    assert stored["account"] == 0
    assert (
        await session.scalar(select(func.sum(Slowdown.failures)).where(Slowdown.kind == "address"))
        == 4
    )


async def test_an_address_that_tries_many_accounts_waits_for_all_of_them(people):
    await people.registered(email=EMAIL)
    for number in range(30):
        await people.registered(email=f"{number}@example.org")
        answer = await people.sign_in(f"{number}@example.org", WRONG, address="192.0.2.66")
        people.refused(answer, 401, "credentials_wrong")

    people.refused(await people.sign_in(EMAIL, address="192.0.2.66"), 429, "too_many_attempts")
    assert (await people.sign_in(EMAIL, address="192.0.2.67")).status_code == 201


async def test_guesses_at_invented_accounts_lock_no_shop_out(people):
    await people.registered(email=EMAIL)
    for number in range(30):  # each counts once in five: all of them, never
        answer = await people.sign_in(f"{number}@example.org", WRONG, address="192.0.2.66")
        people.refused(answer, 401, "credentials_wrong")
    assert (await people.sign_in(EMAIL, address="192.0.2.66")).status_code == 201


async def test_an_address_that_is_slowed_down_learns_nothing_from_what_counts(people, session):
    session.add(
        Slowdown(
            kind="address",
            subject=subject_of("192.0.2.66"),
            failures=30,
            last_failed_at=datetime.now(UTC) - timedelta(seconds=31),
        )
    )
    await session.commit()
    await people.sign_in("inventee@example.org", WRONG, address="192.0.2.66")
    people.refused(await people.sign_in(EMAIL, address="192.0.2.66"), 429, "too_many_attempts")


async def test_in_a_browser_that_an_account_used_before_only_its_failures_there_count(
    people, later
):
    await people.registered(email=EMAIL)
    known = (await people.sign_in(EMAIL)).json()["browser"]
    for _ in range(5):
        await people.sign_in(EMAIL, WRONG, address="198.51.100.7")
    people.refused(await people.sign_in(EMAIL), 429, "too_many_attempts")

    assert (await people.sign_in(EMAIL, browser=known)).status_code == 201
    # Its own failures count, and only there; its success does not reset the count elsewhere.
    people.refused(await people.sign_in(EMAIL), 429, "too_many_attempts")
    for _ in range(5):
        people.refused(await people.sign_in(EMAIL, WRONG, browser=known), 401, "credentials_wrong")
    people.refused(await people.sign_in(EMAIL, browser=known), 429, "too_many_attempts")
    await later(Slowdown, "last_failed_at", timedelta(seconds=31))
    assert (await people.sign_in(EMAIL, browser=known)).status_code == 201


async def test_a_browser_is_only_known_for_accounts_that_signed_in_there(people):
    await people.registered(email=EMAIL)
    await people.registered(email="marc@example.org")
    marcs = (await people.sign_in("marc@example.org")).json()["browser"]
    both = (await people.sign_in(EMAIL, browser=marcs)).json()["browser"]
    for _ in range(5):
        await people.sign_in(EMAIL, WRONG)

    access = (await people.signed_in("marc@example.org"))["Authorization"].removeprefix("Bearer ")
    for forged in (marcs, both[:-4] + "AAAA", access, "garbage", "é"):
        answer = await people.sign_in(EMAIL, browser=forged)
        people.refused(answer, 429, "too_many_attempts")
    assert (await people.sign_in(EMAIL, browser=both)).status_code == 201
    answer = await people.client.get("/me", headers={"Authorization": f"Bearer {both}"})
    people.refused(answer, 401, "unauthenticated")


async def test_a_signed_in_person_can_change_the_password_while_others_guess(people):
    await people.registered(email=EMAIL)
    me = await people.signed_in(EMAIL)
    for _ in range(5):
        await people.sign_in(EMAIL, WRONG)
    change = {"current_password": PASSWORD, "new_password": "trois pommes et demie"}
    answer = await people.client.put("/me/password", json=change, headers=me)
    assert answer.status_code == 204


async def test_a_network_of_ipv6_counts_as_one_address(people, session):
    await people.registered(email=EMAIL)
    for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::1", "2001:db8:0:1::1"):
        await people.sign_in(EMAIL, WRONG, address=host)
    counts = select(Slowdown.failures).where(Slowdown.kind == "address")
    assert sorted(await session.scalars(counts)) == [1, 3]


async def test_the_gateway_passes_on_the_address_if_web_does_not(people, session, app, monkeypatch):
    await people.registered(email=EMAIL)

    async def fail(**headers: str) -> None:
        given = {"email": EMAIL, "password": WRONG}
        await people.post("/sessions", given, {k.replace("_", "-"): v for k, v in headers.items()})

    await fail(X_Forwarded_For="203.0.113.9, 192.0.2.5")
    await fail(X_Guichet_Browser_Address="192.0.2.5", X_Forwarded_For="10.0.0.1")
    await fail(X_Guichet_Browser_Address="not an address", X_Forwarded_For="192.0.2.5")
    monkeypatch.setattr(app.state.settings, "browser_address_header", False)
    await fail(X_Guichet_Browser_Address="203.0.113.200", X_Forwarded_For="192.0.2.5")

    [count] = await session.scalars(select(Slowdown.failures).where(Slowdown.kind == "address"))
    assert count == 4


async def test_what_was_typed_is_not_kept(people, session):
    await people.sign_in("mon mot de passe ici", WRONG, address="192.0.2.77")
    stored = (await session.scalars(select(Slowdown.subject))).all()
    assert all(len(subject) == 32 for subject in stored)
    assert not any(b"passe" in subject or b"192" in subject for subject in stored)


async def test_attempts_at_the_same_instant_gain_nothing(busy_people):
    await busy_people.registered(email="visee@example.org")
    answers = await asyncio.gather(
        *(busy_people.sign_in("visee@example.org", WRONG, address="192.0.2.88") for _ in range(15))
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes[:5] == [401] * 5  # and of the others, some find too many of this account waiting
    assert set(codes[5:]) <= {429, 503}


async def test_one_person_does_not_occupy_the_checks_of_everybody(
    busy_people, busy_app, monkeypatch
):
    """Hashes that cost what real ones do; whose check has ended, in order."""
    passwords = busy_app.state.passwords
    monkeypatch.setattr(passwords, "hasher", PasswordHasher(2, 46 * 1024, 1))
    monkeypatch.setattr("identity.passwords.LONGEST_WAIT_SECONDS", 2)
    await busy_people.registered(email="pressee@example.org")
    await busy_people.registered(email="autre@example.org")
    ended: list[tuple[str, int]] = []
    under_way, most = 0, 0

    def check(stored: str, given: str) -> bool:
        nonlocal under_way, most
        if given != PASSWORD:
            return right(stored, given)
        under_way += 1
        most = max(most, under_way)
        try:
            return right(stored, given)
        finally:
            under_way -= 1

    right = passwords.check
    monkeypatch.setattr(passwords, "check", check)

    async def sign_in(email: str, password: str) -> httpx.Response:
        answer = await busy_people.sign_in(email, password, address="192.0.2.99")
        ended.append((email, answer.status_code))
        return answer

    tries = [asyncio.create_task(sign_in("pressee@example.org", PASSWORD)) for _ in range(30)]
    while not under_way:  # noqa: ASYNC110 - a thread tells nobody
        await asyncio.sleep(0.01)
    others = await sign_in("autre@example.org", WRONG)
    answers = await asyncio.gather(*tries)

    assert others.status_code == 401
    served = ended[: ended.index(("autre@example.org", 401))]
    assert served.count(("pressee@example.org", 201)) < MAX_WAITING_PER_ACCOUNT
    assert most == 1
    assert {answer.status_code for answer in answers} == {201, 503}
    assert all("Retry-After" in answer.headers for answer in answers if answer.is_error)
    assert sum(answer.is_success for answer in answers) <= 1 + MAX_WAITING_PER_ACCOUNT


async def test_old_failures_and_old_sessions_are_forgotten(people, session, database, later):
    await people.registered(email=EMAIL)
    await people.session_token(EMAIL)
    await people.sign_in(EMAIL, WRONG)  # counted by the account, and by the address
    await prune_all(database, sessions.PAST)
    assert await session.scalar(select(func.count()).select_from(Slowdown)) == 2

    await later(Slowdown, "last_failed_at", timedelta(days=2))
    await prune_all(database, sessions.PAST)
    assert await session.scalar(select(func.count()).select_from(Slowdown)) == 0
    assert await session.scalar(select(func.count()).select_from(sessions.Session)) == 1 + len(
        people.staff
    )

    await later(sessions.Session, "expires_at", timedelta(days=60))
    await prune_all(database, sessions.PAST)
    assert await session.scalar(select(func.count()).select_from(sessions.Session)) == len(
        people.staff
    )
