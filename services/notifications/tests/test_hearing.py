"""Events: in any order, twice, and all of them again from the beginning."""

import itertools
from datetime import timedelta
from random import Random
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import text

from chassis import testing
from chassis.testing import wrap
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from contracts.tickets.events import Side
from notifications.models import Person
from notifications.sending.measures import TOO_OLD, measure


def history(post):
    """A customer's whole story, each thing told once."""
    link = post.link()
    return link, [
        post.customer(),
        post.technician(),
        post.sale(),
        post.opened(),
        post.answer(),
        post.answer(),
        post.password(),
        link,
        post.customer(version=2, email="ines.dubois@example.org", changed_at=post.now),
    ]


EXPECTED = [
    ("email_changed", "sent"),
    ("password_changed", "sent"),
    ("password_link", "sent"),
    ("reply", "sent"),
    ("welcome", "sent"),
]


async def test_each_thing_is_told_once(post, postman, asked):
    link, events = history(post)
    asked.know_link(link.link_id, Purpose.PASSWORD, "ines@example.org")
    await post.hears(*events)
    await post.goes_out_later()

    assert await post.states() == EXPECTED
    assert len(postman.taken) == 5


async def test_a_duplicate_changes_nothing(post, postman, asked):
    link, events = history(post)
    asked.know_link(link.link_id, Purpose.PASSWORD, "ines@example.org")
    envelopes = [wrap(event) for event in events]
    await post.hears(*envelopes, *envelopes)
    assert await post.hears(*envelopes) == 0
    await post.goes_out_later()
    await post.hears(*envelopes)
    await post.goes_out_later()

    assert len(postman.taken) == 5


@pytest.mark.parametrize("new_envelopes", [False, True])
async def test_all_again_from_the_beginning_is_not_one_mail_too_many(
    post, postman, asked, new_envelopes
):
    link, events = history(post)
    asked.know_link(link.link_id, Purpose.PASSWORD, "ines@example.org")
    envelopes = [wrap(event) for event in events]
    await post.hears(*envelopes)
    await post.goes_out_later()

    await post.forgets_inbox()
    await post.hears(*(events if new_envelopes else envelopes))
    await post.goes_out_later()

    assert len(postman.taken) == 5
    assert await post.states() == EXPECTED


async def test_history_heard_for_the_first_time_late_is_told_to_nobody(post, postman, asked):
    post.now -= timedelta(hours=25)
    _, events = history(post)
    await post.hears(*events)
    await post.hears(post.resolved())
    await post.goes_out_later()

    assert postman.taken == []
    assert await post.mails() == []


@pytest.mark.parametrize("seed", range(12))
async def test_in_whatever_order_they_come_the_same_is_told(post, postman, asked, seed):
    link, events = history(post)
    asked.know_link(link.link_id, Purpose.PASSWORD, "ines@example.org")
    Random(seed).shuffle(events)
    for event in events:
        await post.hears(event)
        await post.goes_out_later()  # workers do not wait for the rest
    await post.goes_out_later()

    assert {kind for kind, _ in EXPECTED} <= {kind for kind, _ in await post.states()}
    assert {state for _, state in await post.states()} == {"sent"}
    assert len(postman.taken) in {5, 6}  # the second answer may have come too late to be gathered
    assert {"ines@example.org"} <= set(postman.addresses)


async def test_every_order_of_one_request_ends_alike(post, postman, database):
    await post.knows_people()
    events = [post.opened(), post.answer(), post.resolved()]
    for order in itertools.permutations(events):
        async with database.transaction() as session:
            await session.execute(text("TRUNCATE tickets, mails, reasons, messaging.inbox"))
        postman.forget()
        for event in order:
            await post.hears(event)
        await post.goes_out_later()
        assert await post.states() == [("reply", "dropped"), ("resolved", "sent")]
        assert postman.subjects == ["Votre demande n° 4127 est résolue"]


async def test_a_mail_waits_for_whom_it_does_not_know_yet(post, postman):
    await post.hears(post.answer())
    await post.goes_out_later()
    mail = await post.mail()
    assert (mail.state, mail.attempts, mail.waits) == ("waiting", 0, 1)

    await post.hears(post.customer())
    await post.goes_out_later()
    await post.hears(post.opened())
    await post.goes_out_later()
    assert postman.taken == []
    assert (await post.mail()).waits == 3

    await post.hears(post.technician())
    await post.goes_out_later()
    assert len(postman.taken) == 1


async def test_what_never_arrives_is_not_waited_for_for_ever(post, postman, database):
    await post.hears(post.answer())
    await post.goes_out_later()
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE mails SET wanted_at = now() - interval '25 h', due_at = now()")
        )
    await post.goes_out()
    mail = await post.mail()
    assert (mail.state, mail.attempts) == ("failed", 0)
    assert "never arrived" in mail.last_error


async def test_where_no_mail_can_be_sent_all_is_known_and_nothing_queued(
    post, postman, rules, database
):
    rules.mail = False
    _, events = history(post)
    await post.hears(*events)
    assert await post.mails() == []

    rules.mail = True
    await post.hears(post.answer())
    await post.goes_out_later()
    assert postman.addresses == ["ines.dubois@example.org"]


async def test_an_older_state_that_comes_late_changes_nothing(post, database):
    await post.hears(post.customer(version=3, last_name="Lefèvre"))
    await post.hears(post.customer(version=1, last_name="Ancienne"))
    async with database.transaction() as session:
        assert (await session.get_one(Person, post.customer_id)).last_name == "Lefèvre"


# --- Who is told what -------------------------------------------------------------------------


async def test_a_change_of_address_is_told_to_the_old_one(post, postman):
    await post.hears(post.customer())
    await post.hears(post.customer(version=2, email="new@example.org", changed_at=post.now))
    await post.hears(post.customer(version=3, email="new@example.org", changed_at=post.now))
    await post.goes_out()

    assert postman.addresses == ["ines@example.org"]
    assert "new@example.org" not in postman.mails[0].as_string()


async def test_a_change_of_address_is_told_though_its_states_come_the_wrong_way_round(
    post, postman
):
    await post.hears(post.customer(version=2, email="new@example.org", changed_at=post.now))
    await post.hears(post.customer())
    await post.goes_out()
    assert postman.addresses == ["ines@example.org"]


async def test_a_change_of_another_thing_is_told_to_nobody(post):
    await post.hears(post.customer())
    await post.hears(post.customer(version=2, last_name="Lefèvre", changed_at=post.now))
    await post.hears(post.customer(version=3, email="Ines@Example.org", changed_at=post.now))
    assert await post.mails() == []


async def test_only_the_first_purchase_is_welcomed(post, postman):
    await post.hears(post.customer(), post.sale())
    await post.hears(post.sale(), post.sale())
    await post.goes_out_later()
    assert postman.subjects == ["Bienvenue dans votre espace client"]


async def test_who_bought_long_ago_is_no_newcomer(post, postman):
    await post.hears(post.customer(), post.sale(recorded_at=post.now - timedelta(days=400)))
    await post.hears(post.sale())
    await post.goes_out_later()
    assert postman.taken == []


async def test_staff_are_told_of_a_changed_password_too(post, postman):
    await post.hears(post.technician(), post.password(account_id=post.technician_id))
    await post.goes_out()
    assert postman.addresses == ["karim@shop.example"]


async def test_a_disabled_account_is_told_of_its_safety_alone(post, postman):
    await post.has_request()
    await post.hears(post.customer(version=2, enabled=False, changed_at=post.now))
    await post.hears(post.answer(), post.password(), post.resolved())
    await post.goes_out_later()
    assert postman.subjects == ["Votre mot de passe a changé"]


async def test_staff_are_not_told_unless_they_asked(post, postman):
    await post.has_request()
    await post.hears(post.precision())
    await post.goes_out_later()
    assert await post.mails() == []


async def test_staff_who_asked_are_told_of_requests_and_answers(post, postman, client):
    await post.wants(client, new_requests=True, customer_answers=True)
    await post.knows_people()
    await post.hears(post.opened())
    await post.goes_out()
    await post.hears(post.precision())
    await post.goes_out_later()

    assert postman.addresses == ["karim@shop.example"] * 2
    assert postman.subjects == [
        "Nouvelle demande n° 4127 : Imprimante HP LaserJet 4103dw",
        "Demande n° 4127 : le client a écrit",
    ]
    page = postman.mails[0].get_body(("plain",)).get_content()
    assert "https://guichet.example/demandes/4127" in page
    assert "Inès Dubois" in page


async def test_what_happened_before_somebody_asked_stays_untold(post, client):
    before = post.opened()
    await post.wants(client, new_requests=True)
    await post.hears(before)
    assert await post.mails() == []


async def test_a_customer_who_asks_for_the_staffs_mails_gets_none(post, postman, client):
    post.technician_id = uuid4()
    other = post.customer(customer_id=post.technician_id, email="marc@example.org")
    await post.wants(client, new_requests=True)
    await post.hears(other, post.customer(), post.opened())
    await post.goes_out()
    assert postman.taken == []
    assert await post.states() == [("new_request", "dropped")]


async def test_a_customer_who_resolves_is_not_told_so(post):
    await post.has_request()
    await post.hears(post.resolved(Side.CUSTOMER))
    assert await post.mails() == []


# --- Clocks that are wrong --------------------------------------------------------------------


async def test_what_a_wrong_clock_makes_too_old_is_kept_and_shown(post, postman, client):
    """New in its stream, it cannot be an old story told again: staff see it, and may send it."""
    await post.has_request()
    yesterday = post.now - timedelta(hours=25)
    answer = post.answer(sent_at=yesterday)
    with structlog.testing.capture_logs() as lines:
        await post.hears(answer, stored_at=post.now)
        await post.hears(answer, stored_at=post.now)
    await post.goes_out_later()
    assert postman.taken == []
    [line] = [line for line in lines if line["event"] == "mail_too_old"]
    assert line["seconds"] == pytest.approx(25 * 3600, abs=60)

    headers = testing.token(Role.TECHNICIAN)
    undelivered = await client.get("/api/notifications/undelivered", headers=headers)
    [kept] = undelivered.json()["mails"]
    assert (kept["kind"], kept["too_old"], kept["attempts"]) == ("reply", True, 0)
    assert kept["can_be_resent"] is True
    await measure(post.database)
    assert TOO_OLD._value.get() == 1

    sent = await client.post(f"/api/notifications/mails/{kept['id']}/resend", headers=headers)
    assert sent.json()["state"] == "waiting"
    await post.goes_out()
    assert postman.addresses == ["ines@example.org"]
    await measure(post.database)
    assert TOO_OLD._value.get() == 0


async def test_an_old_story_is_shown_to_nobody(post, postman):
    """From a stream's beginning, where it is as old, or from tables, older than what is known."""
    await post.has_request()
    for days, stored in ((2, 2), (400, 0)):
        at = post.now - timedelta(days=days)
        await post.hears(post.answer(sent_at=at), stored_at=post.now - timedelta(days=stored))
    assert await post.mails() == []


async def test_a_moment_in_the_future_is_now(post, postman):
    """A mail waits for no clock that is ahead."""
    await post.has_request()
    await post.hears(post.password(changed_at=post.now + timedelta(hours=3)), stored_at=post.now)
    await post.goes_out()
    assert postman.addresses == ["ines@example.org"]
