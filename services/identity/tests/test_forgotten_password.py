"""A forgotten password: a link is mailed, and answers do not show which addresses exist."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity.models import Account, Link, Slowdown
from identity.operations import links as link_operations
from identity.operations.links import next_deadline

PASSWORD = "grenouille sur un vélo"
OTHER_PASSWORD = "trois pommes et demie"
EMAIL = "nathalie@example.org"


async def test_an_unknown_address_and_a_disabled_account_get_the_same_answer(
    people, session, mail, links
):
    await people.registered(email=EMAIL)
    await people.registered(email="ancien@example.org")
    away = update(Account).where(Account.email == "ancien@example.org").values(enabled=False)
    await session.execute(away)
    await session.commit()

    typed = ("ancien@example.org", "personne@example.org", "pas une adresse", "", "é" * 254)
    others = [await people.forget(email, address=f"192.0.2.{n}") for n, email in enumerate(typed)]
    assert await links() == []
    known = await people.forget(f"  {EMAIL.upper()} ", address="192.0.2.99")

    assert known.status_code == 202
    assert known.content == b"null"
    for other in others:
        assert (other.status_code, other.content) == (202, b"null")
        assert other.headers.keys() == known.headers.keys()
    [link] = await links()
    assert link.purpose == Purpose.PASSWORD


async def test_every_answer_leaves_at_a_deadline_set_before_the_account_was_looked_up(
    people, mail, app, monkeypatch, links
):
    await people.registered(email=EMAIL)
    monkeypatch.setattr(app.state.settings, "password_link_seconds", 0.3)
    waits = []
    links_then = []

    def deadline(started: float, now: float, seconds: float) -> float:
        assert 0 <= now - started < 30
        return started + seconds

    async def reach(moment: float) -> None:
        waits.append(moment)
        links_then.append(len(await links()))  # the work is done before the wait

    monkeypatch.setattr(link_operations, "next_deadline", deadline)
    monkeypatch.setattr(link_operations, "reach", reach)
    monkeypatch.setattr(link_operations, "time", StoppedClock())
    for email in (EMAIL, "personne@example.org", "pas une adresse"):
        await people.forget(email)

    assert waits == [1000.3] * 3
    assert links_then == [1] * 3


class StoppedClock:
    def monotonic(self) -> float:
        return 1000.0


@pytest.mark.parametrize(
    ("now", "moment"), [(10.0, 10.0), (10.001, 10.5), (10.49, 10.5), (10.51, 11), (12.2, 12.5)]
)
def test_an_answer_that_is_late_waits_for_the_next_deadline(now, moment):
    assert next_deadline(10.0, now, 0.5) == moment


def test_without_a_deadline_an_answer_leaves_at_once():
    assert next_deadline(10.0, 10.2, 0) == 10.2


async def test_a_forgotten_password_is_replaced(people, mail, links):
    await people.hired(Role.TECHNICIAN, email=EMAIL)
    await people.forget(EMAIL)
    [link] = await links()

    answer = await people.use_link(await people.secret(link.link_id))

    assert answer.json() == {"purpose": "password", "email": EMAIL, "refused": False}
    people.refused(await people.sign_in(EMAIL, PASSWORD), 401, "credentials_wrong")
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201


async def test_an_account_is_mailed_five_links_an_hour_and_further_ones_are_silently_dropped(
    people, mail, session, links, later
):
    await people.registered(email=EMAIL)
    answers = [await people.forget(EMAIL, address=f"192.0.2.{n}") for n in range(7)]

    assert [answer.status_code for answer in answers] == [202] * 7
    announced = await links()
    assert len(announced) == 5
    assert (await people.read_link(await people.secret(announced[-1].link_id))).status_code == 200

    await later(Link, "requested_at", timedelta(minutes=61))
    assert (await people.forget(EMAIL)).status_code == 202
    assert len(await links()) == 6


async def test_other_links_do_not_count_against_a_forgotten_password(people, mail, links):
    customer = await people.registered(email=EMAIL)
    for _ in range(5):
        await people.post(f"/customers/{customer['id']}/links", None, people.seller)
    await people.forget(EMAIL)
    assert (await links())[-1].purpose == Purpose.PASSWORD


async def test_an_address_that_asks_for_many_waits(people, mail, session, links, later):
    await people.registered(email=EMAIL)
    for n in range(10):
        answer = await people.forget(f"{n}@example.org", address="192.0.2.66")
        assert answer.status_code == 202

    refused = await people.forget(EMAIL, address="192.0.2.66")

    people.refused(refused, 429, "too_many_attempts")
    assert 0 < int(refused.headers["retry-after"]) <= 30
    assert await links() == []
    assert (await people.forget(EMAIL, address="192.0.2.67")).status_code == 202
    assert len(await links()) == 1
    await later(Slowdown, "last_failed_at", timedelta(seconds=31))
    assert (await people.forget(EMAIL, address="192.0.2.66")).status_code == 202


async def test_asking_for_links_is_no_failure_to_sign_in(people, mail, session):
    await people.registered(email=EMAIL)
    for n in range(11):
        await people.forget(f"{n}@example.org")
    assert (await people.sign_in(EMAIL)).status_code == 201
    stored = (await session.scalars(select(Slowdown).where(Slowdown.kind == "link"))).one()
    assert stored.failures == 10
    assert len(stored.subject) == 32


async def test_without_mail_no_link_is_offered_to_anybody(people, session):
    await people.registered(email=EMAIL)
    for email in (EMAIL, "personne@example.org"):
        people.refused(await people.forget(email), 409, "mail_unavailable")
    assert await session.scalar(select(func.count()).select_from(Link)) == 0


async def test_askings_at_the_same_instant_get_no_more_than_five(busy_people, busy_app):
    email = f"{uuid4()}@example.org"
    customer = await busy_people.registered(email=email)

    answers = await asyncio.gather(
        *(busy_people.forget(email, address=f"198.51.100.{n}") for n in range(8))
    )

    assert [answer.status_code for answer in answers] == [202] * 8
    async with busy_app.state.database.transaction() as session:
        stored = (await session.scalars(select(Link).filter_by(account_id=customer["id"]))).all()
    assert len(stored) == 5
    assert [link.revoked_at for link in stored].count(None) == 1


async def test_askings_from_one_address_at_the_same_instant_gain_nothing(busy_people):
    answers = await asyncio.gather(
        *(busy_people.forget(f"{n}@example.org", address="198.51.100.99") for n in range(15))
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [202] * 10 + [429] * 5
