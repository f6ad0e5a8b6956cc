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
from notifications.models import Person, Preferences
from notifications.sending.measures import TOO_OLD, measure


def history(scenario):
    """A customer's whole story, one mail for each event."""
    link = scenario.link()
    return link, [
        scenario.customer(),
        scenario.technician(),
        scenario.sale(),
        scenario.opened(),
        scenario.answer(),
        scenario.answer(),
        scenario.password(),
        link,
        scenario.customer(version=2, email="ines.dubois@example.org", changed_at=scenario.now),
    ]


EXPECTED = [
    ("email_changed", "sent"),
    ("password_changed", "sent"),
    ("password_link", "sent"),
    ("reply", "sent"),
    ("welcome", "sent"),
]


async def test_each_event_is_notified_once(scenario, postman, owners):
    link, events = history(scenario)
    owners.know_link(link.link_id, Purpose.PASSWORD, "ines@example.org")
    await scenario.receives(*events)
    await scenario.makes_due_and_sends()

    assert await scenario.states() == EXPECTED
    assert len(postman.taken) == 5


async def test_a_duplicate_changes_nothing(scenario, postman, owners):
    link, events = history(scenario)
    owners.know_link(link.link_id, Purpose.PASSWORD, "ines@example.org")
    envelopes = [wrap(event) for event in events]
    await scenario.receives(*envelopes, *envelopes)
    assert await scenario.receives(*envelopes) == 0
    await scenario.makes_due_and_sends()
    await scenario.receives(*envelopes)
    await scenario.makes_due_and_sends()

    assert len(postman.taken) == 5


@pytest.mark.parametrize("new_envelopes", [False, True])
async def test_all_again_from_the_beginning_is_not_one_mail_too_many(
    scenario, postman, owners, new_envelopes
):
    link, events = history(scenario)
    owners.know_link(link.link_id, Purpose.PASSWORD, "ines@example.org")
    envelopes = [wrap(event) for event in events]
    await scenario.receives(*envelopes)
    await scenario.makes_due_and_sends()

    await scenario.empties_inbox()
    await scenario.receives(*(events if new_envelopes else envelopes))
    await scenario.makes_due_and_sends()

    assert len(postman.taken) == 5
    assert await scenario.states() == EXPECTED


async def test_old_events_notify_nobody(scenario, postman, owners):
    scenario.now -= timedelta(hours=25)
    _, events = history(scenario)
    await scenario.receives(*events)
    await scenario.receives(scenario.resolved())
    await scenario.makes_due_and_sends()

    assert postman.taken == []
    assert await scenario.mails() == []


@pytest.mark.parametrize("seed", range(12))
async def test_events_in_any_order_make_the_same_mails(scenario, postman, owners, seed):
    link, events = history(scenario)
    owners.know_link(link.link_id, Purpose.PASSWORD, "ines@example.org")
    Random(seed).shuffle(events)
    for event in events:
        await scenario.receives(event)
        await scenario.makes_due_and_sends()  # workers do not wait for the rest
    await scenario.makes_due_and_sends()

    assert {kind for kind, _ in EXPECTED} <= {kind for kind, _ in await scenario.states()}
    assert {state for _, state in await scenario.states()} == {"sent"}
    assert len(postman.taken) in {5, 6}  # the second answer may have come too late to be gathered
    assert {"ines@example.org"} <= set(postman.addresses)


async def test_every_order_of_one_request_ends_alike(scenario, postman, database):
    await scenario.knows_people()
    events = [scenario.opened(), scenario.answer(), scenario.resolved()]
    for order in itertools.permutations(events):
        async with database.transaction() as session:
            await session.execute(text("TRUNCATE tickets, mails, reasons, messaging.inbox"))
        postman.forget()
        for event in order:
            await scenario.receives(event)
        await scenario.makes_due_and_sends()
        assert await scenario.states() == [("reply", "dropped"), ("resolved", "sent")]
        assert postman.subjects == ["Votre demande n° 4127 est résolue"]


async def test_a_mail_waits_for_whom_it_does_not_know_yet(scenario, postman):
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    mail = await scenario.mail()
    assert (mail.state, mail.attempts, mail.waits) == ("waiting", 0, 1)

    await scenario.receives(scenario.customer())
    await scenario.makes_due_and_sends()
    await scenario.receives(scenario.opened())
    await scenario.makes_due_and_sends()
    assert postman.taken == []
    assert (await scenario.mail()).waits == 3

    await scenario.receives(scenario.technician())
    await scenario.makes_due_and_sends()
    assert len(postman.taken) == 1


async def test_what_never_arrives_is_not_waited_for_for_ever(scenario, postman, database):
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE mails SET wanted_at = now() - interval '25 h', due_at = now()")
        )
    await scenario.sends_due()
    mail = await scenario.mail()
    assert (mail.state, mail.attempts) == ("failed", 0)
    assert "never arrived" in mail.last_error


async def test_where_no_mail_can_be_sent_all_is_known_and_nothing_queued(
    scenario, postman, rules, database
):
    rules.mail = False
    _, events = history(scenario)
    await scenario.receives(*events)
    assert await scenario.mails() == []

    rules.mail = True
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    assert postman.addresses == ["ines.dubois@example.org"]


async def test_an_older_state_that_comes_late_changes_nothing(scenario, database):
    await scenario.receives(scenario.customer(version=3, last_name="Lefèvre"))
    await scenario.receives(scenario.customer(version=1, last_name="Ancienne"))
    async with database.transaction() as session:
        assert (await session.get_one(Person, scenario.customer_id)).last_name == "Lefèvre"


# --- Who is notified --------------------------------------------------------------------------


async def test_a_change_of_address_notifies_the_old_one(scenario, postman):
    await scenario.receives(scenario.customer())
    await scenario.receives(
        scenario.customer(version=2, email="new@example.org", changed_at=scenario.now)
    )
    await scenario.receives(
        scenario.customer(version=3, email="new@example.org", changed_at=scenario.now)
    )
    await scenario.sends_due()

    assert postman.addresses == ["ines@example.org"]
    assert "new@example.org" not in postman.mails[0].as_string()


async def test_a_change_of_address_is_notified_when_states_arrive_out_of_order(scenario, postman):
    await scenario.receives(
        scenario.customer(version=2, email="new@example.org", changed_at=scenario.now)
    )
    await scenario.receives(scenario.customer())
    await scenario.sends_due()
    assert postman.addresses == ["ines@example.org"]


async def test_other_changes_notify_nobody(scenario):
    await scenario.receives(scenario.customer())
    await scenario.receives(
        scenario.customer(version=2, last_name="Lefèvre", changed_at=scenario.now)
    )
    await scenario.receives(
        scenario.customer(version=3, email="Ines@Example.org", changed_at=scenario.now)
    )
    assert await scenario.mails() == []


async def test_only_the_first_purchase_is_welcomed(scenario, postman):
    await scenario.receives(scenario.customer(), scenario.sale())
    await scenario.receives(scenario.sale(), scenario.sale())
    await scenario.makes_due_and_sends()
    assert postman.subjects == ["Bienvenue dans votre espace client"]


async def test_who_bought_long_ago_is_no_newcomer(scenario, postman):
    await scenario.receives(
        scenario.customer(), scenario.sale(recorded_at=scenario.now - timedelta(days=400))
    )
    await scenario.receives(scenario.sale())
    await scenario.makes_due_and_sends()
    assert postman.taken == []


async def test_staff_are_notified_of_a_changed_password_too(scenario, postman):
    await scenario.receives(
        scenario.technician(), scenario.password(account_id=scenario.technician_id)
    )
    await scenario.sends_due()
    assert postman.addresses == ["karim@shop.example"]


async def test_a_disabled_account_gets_security_mails_only(scenario, postman):
    await scenario.has_request()
    await scenario.receives(scenario.customer(version=2, enabled=False, changed_at=scenario.now))
    await scenario.receives(scenario.answer(), scenario.password(), scenario.resolved())
    await scenario.makes_due_and_sends()
    assert postman.subjects == ["Votre mot de passe a changé"]


async def test_staff_are_not_notified_unless_they_asked(scenario, postman):
    await scenario.has_request()
    await scenario.receives(scenario.customer_message())
    await scenario.makes_due_and_sends()
    assert await scenario.mails() == []


async def test_staff_who_asked_are_notified_of_requests_and_answers(scenario, postman, client):
    await scenario.wants(client, new_requests=True, customer_answers=True)
    await scenario.knows_people()
    await scenario.receives(scenario.opened())
    await scenario.sends_due()
    await scenario.receives(scenario.customer_message())
    await scenario.makes_due_and_sends()

    assert postman.addresses == ["karim@shop.example"] * 2
    assert postman.subjects == [
        "Nouvelle demande n° 4127 : Imprimante HP LaserJet 4103dw",
        "Demande n° 4127 : le client a écrit",
    ]
    page = postman.mails[0].get_body(("plain",)).get_content()
    assert "https://guichet.example/demandes/4127" in page
    assert "Inès Dubois" in page


async def test_events_before_somebody_asked_are_not_notified(scenario, client):
    before = scenario.opened()
    await scenario.wants(client, new_requests=True)
    await scenario.receives(before)
    assert await scenario.mails() == []


async def test_a_customer_who_asks_for_the_staffs_mails_gets_none(scenario, postman, client):
    scenario.technician_id = uuid4()
    other = scenario.customer(customer_id=scenario.technician_id, email="marc@example.org")
    await scenario.wants(client, new_requests=True)
    await scenario.receives(other, scenario.customer(), scenario.opened())
    await scenario.sends_due()
    assert postman.taken == []
    assert await scenario.states() == [("new_request", "dropped")]


async def test_a_customer_who_resolves_is_not_notified(scenario):
    await scenario.has_request()
    await scenario.receives(scenario.resolved(Side.CUSTOMER))
    assert await scenario.mails() == []


# --- Clocks that are wrong --------------------------------------------------------------------


async def test_an_event_that_a_wrong_clock_made_old_is_stored_and_listed(scenario, postman, client):
    """It is new in its stream, so it is no replay: staff see it, and may send it."""
    await scenario.has_request()
    yesterday = scenario.now - timedelta(hours=25)
    answer = scenario.answer(sent_at=yesterday)
    with structlog.testing.capture_logs() as lines:
        await scenario.receives(answer, stored_at=scenario.now)
        await scenario.receives(answer, stored_at=scenario.now)
    await scenario.makes_due_and_sends()
    assert postman.taken == []
    [line] = [line for line in lines if line["event"] == "mail_too_old"]
    assert line["seconds"] == pytest.approx(25 * 3600, abs=60)

    headers = testing.token(Role.TECHNICIAN)
    undelivered = await client.get("/api/notifications/undelivered", headers=headers)
    [mail] = undelivered.json()["mails"]
    assert (mail["kind"], mail["too_old"], mail["attempts"]) == ("reply", True, 0)
    assert mail["can_be_resent"] is True
    await measure(scenario.database)
    assert TOO_OLD._value.get() == 1

    sent = await client.post(f"/api/notifications/mails/{mail['id']}/resend", headers=headers)
    assert sent.json()["state"] == "waiting"
    await scenario.sends_due()
    assert postman.addresses == ["ines@example.org"]
    await measure(scenario.database)
    assert TOO_OLD._value.get() == 0


async def test_staff_who_asked_are_shown_what_a_wrong_clock_made_old(scenario, database):
    await scenario.has_request()
    async with database.transaction() as session:
        preferences = {"customer_answers_since": scenario.now - timedelta(days=2)}
        session.add(Preferences(person_id=scenario.technician_id, **preferences))
    yesterday = scenario.customer_message(sent_at=scenario.now - timedelta(hours=25))
    await scenario.receives(yesterday, stored_at=scenario.now - timedelta(days=2))
    assert await scenario.mails() == []
    await scenario.receives(yesterday, stored_at=scenario.now)
    assert await scenario.states() == [("customer_answer", "failed")]


async def test_an_old_story_is_shown_to_nobody(scenario, postman):
    """From a stream's beginning, where it is as old, or from tables, older than what is known."""
    await scenario.has_request()
    for days, days_stored in ((2, 2), (400, 0)):
        at = scenario.now - timedelta(days=days)
        await scenario.receives(
            scenario.answer(sent_at=at), stored_at=scenario.now - timedelta(days=days_stored)
        )
    assert await scenario.mails() == []


async def test_a_moment_in_the_future_is_now(scenario, postman):
    """A mail waits for no clock that is ahead."""
    await scenario.has_request()
    await scenario.receives(
        scenario.password(changed_at=scenario.now + timedelta(hours=3)), stored_at=scenario.now
    )
    await scenario.sends_due()
    assert postman.addresses == ["ines@example.org"]
