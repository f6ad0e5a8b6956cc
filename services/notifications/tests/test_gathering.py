"""Bursts become one mail; what has no reason any more is not sent."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from chassis.testing import token
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from contracts.tickets.events import Side
from notifications.models import Mail, Reason


async def gets(scenario, client, **preferences):
    """The customer changes their preferences."""
    headers = token(Role.CUSTOMER, scenario.customer_id)
    answer = await client.patch("/api/notifications/preferences", json=preferences, headers=headers)
    assert answer.status_code == 200


async def test_answers_within_two_minutes_are_one_mail(scenario, postman):
    await scenario.has_request()
    first = scenario.answer()
    await scenario.receives(first)
    await scenario.receives(scenario.answer(), scenario.answer(author_id=scenario.technician_id))

    mail = await scenario.mail()
    assert mail.due_at == first.sent_at + timedelta(seconds=120)
    await scenario.sends_due()
    assert postman.taken == []

    await scenario.makes_due_and_sends()
    assert postman.subjects == ["Votre demande n° 4127 a reçu 3 réponses"]
    assert len(await scenario.reasons()) == 3


async def test_an_answer_after_the_mail_is_another_mail(scenario, postman):
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    assert len(postman.taken) == 2


async def test_an_answer_does_not_join_a_mail_that_may_have_arrived(scenario, postman):
    """It has a Message-ID by which a mail program may take the second for a copy."""
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    postman.drop = True
    await scenario.makes_due_and_sends()
    postman.drop = False
    await scenario.receives(scenario.answer())
    assert len(await scenario.mails()) == 2


async def test_answers_on_two_requests_are_two_mails(scenario, postman):
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    scenario.ticket_id, scenario.number, scenario.version = uuid4(), 4128, 1
    await scenario.receives(scenario.opened(), scenario.answer())
    await scenario.makes_due_and_sends()
    assert len(postman.taken) == 2


async def test_the_time_to_gather_is_a_setting(scenario, postman, rules):
    rules.mail_gather_seconds = 0
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await scenario.sends_due()
    assert len(postman.taken) == 1


async def test_links_and_passwords_go_at_once(scenario, postman, owners):
    link = scenario.link()
    owners.know_link(link.link_id, link.purpose, "ines@example.org")
    await scenario.receives(scenario.customer(), link, scenario.password())
    await scenario.sends_due()
    assert len(postman.taken) == 2


async def test_the_owner_of_the_wanted_address_is_notified_without_a_link(
    scenario, postman, owners
):
    link = scenario.link(Purpose.EMAIL)
    owners.know_link(link.link_id, link.purpose, "marc@example.org")
    owners.links[link.link_id] |= {"taken": True, "secret": ""}
    await scenario.receives(scenario.customer(), link)
    await scenario.sends_due()
    assert postman.subjects == ["Votre adresse e-mail a déjà un compte"]
    assert "/lien/" not in str(postman.mails[0])


async def test_the_old_address_is_notified_of_the_new_one_and_can_refuse_it(
    scenario, postman, owners
):
    link = scenario.link(Purpose.EMAIL)
    owners.know_link(link.link_id, link.purpose, "marc@example.org")
    owners.refusals[link.link_id] = owners.links[link.link_id] | {
        "email": "ines@example.org",
        "new_email": "marc@example.org",
    }
    await scenario.receives(scenario.customer(), link)
    await scenario.sends_due()
    warning = next(mail for mail in postman.mails if "Une autre" in str(mail["Subject"]))
    assert warning["To"].addresses[0].addr_spec == "ines@example.org"
    assert "marc@example.org" in warning.get_body(("plain",)).get_content()
    assert "/lien/no.secret" in warning.get_body(("plain",)).get_content()


async def test_a_first_password_is_welcomed_and_not_called_a_change(scenario, postman):
    await scenario.receives(scenario.customer(), scenario.password(first=True))
    await scenario.sends_due()
    assert postman.subjects == ["Bienvenue : votre compte est prêt"]
    assert "changé" not in str(postman.mails[0])


@pytest.mark.parametrize(
    ("installation", "customer", "count"), [(False, True, 0), (True, True, 1), (True, False, 0)]
)
async def test_a_new_request_is_acknowledged_if_setting_and_customer_want_it(
    scenario, postman, rules, client, installation, customer, count
):
    rules.mail_acknowledge = installation
    await gets(scenario, client, acknowledgements=customer)
    await scenario.receives(scenario.customer(), scenario.opened())
    await scenario.sends_due()
    assert postman.subjects == ["Votre demande n° 4127 est arrivée"] * count


async def test_what_was_answered_before_is_not_acknowledged(scenario, postman, rules):
    rules.mail_acknowledge = True
    await scenario.receives(
        scenario.customer(), scenario.technician(), scenario.opened(), scenario.answer()
    )
    await scenario.makes_due_and_sends()
    assert postman.subjects == ["Votre demande n° 4127 a reçu une réponse"]


# --- Dropping ---------------------------------------------------------------------------------


async def test_who_has_written_since_has_read_the_answer(scenario, postman):
    await scenario.has_request()
    await scenario.receives(scenario.answer(), scenario.customer_message())
    await scenario.makes_due_and_sends()
    assert postman.taken == []
    assert await scenario.states() == [("reply", "dropped")]


async def test_an_answer_after_the_customers_own_message_is_notified(scenario, postman):
    await scenario.has_request()
    await scenario.receives(scenario.answer(), scenario.customer_message(), scenario.answer())
    await scenario.makes_due_and_sends()
    assert len(postman.taken) == 1


async def test_who_resolves_has_read_the_answer(scenario, postman):
    await scenario.has_request()
    await scenario.receives(scenario.answer(), scenario.resolved(Side.CUSTOMER))
    await scenario.makes_due_and_sends()
    assert postman.taken == []


async def test_answered_and_resolved_is_one_mail_that_stands_for_both(scenario, postman, client):
    await scenario.has_request()
    answer = scenario.answer()
    await scenario.receives(answer, scenario.resolved())
    await scenario.sends_due()

    assert postman.subjects == ["Votre demande n° 4127 est résolue"]
    headers = token(Role.TECHNICIAN)
    found = await client.get("/api/notifications/deliveries?ticket_number=4127", headers=headers)
    by_kind = {d["kind"]: (d["state"], d["message_ids"]) for d in found.json()["deliveries"]}
    assert by_kind == {"resolved": ("sent", [str(answer.message_id)]), "reply": ("dropped", [])}


async def test_a_resolution_stands_for_no_answer_that_went_or_is_on_its_way(
    scenario, postman, client, database
):
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    held, waiting = scenario.answer(), scenario.answer()
    await scenario.receives(held)
    async with database.transaction() as session:  # as a worker would that is sending it
        lease = {"claim": uuid4(), "claimed_until": datetime.now(UTC) + timedelta(hours=1)}
        await session.execute(update(Mail).where(Mail.state == "waiting").values(lease))
    await scenario.receives(waiting, scenario.resolved())
    await scenario.sends_due()

    assert await scenario.states() == [
        ("reply", "dropped"), ("reply", "sent"), ("reply", "waiting"), ("resolved", "sent")
    ]  # fmt: skip
    headers = token(Role.TECHNICIAN)
    found = await client.get("/api/notifications/deliveries?ticket_number=4127", headers=headers)
    named = {(d["kind"], d["state"]): d["message_ids"] for d in found.json()["deliveries"]}
    assert named["reply", "waiting"] == [str(held.message_id)]
    assert named["resolved", "sent"] == [str(waiting.message_id)]


async def test_an_answer_that_is_dropped_is_named_by_the_mail_on_the_resolution(
    scenario, postman, database
):
    """Not by another mail on the same request."""
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    await scenario.receives(scenario.resolved())
    await scenario.sends_due()
    late = scenario.answer(version=3)
    await scenario.receives(late)
    await scenario.makes_due_and_sends()

    async with database.transaction() as session:
        named = select(Mail.kind).join(Reason, Reason.mail_id == Mail.id)
        kind = await session.scalar(named.where(Reason.message_id == late.message_id))
    assert kind == "resolved"
    assert len(postman.taken) == 2


async def test_a_resolution_waits_for_the_author_of_the_answer_that_it_names(scenario, postman):
    await scenario.has_request()
    stranger = uuid4()
    await scenario.receives(scenario.answer(author_id=stranger), scenario.resolved())
    await scenario.sends_due()
    assert await scenario.states() == [("reply", "dropped"), ("resolved", "waiting")]
    await scenario.receives(scenario.technician(staff_member_id=stranger, email="b@shop.example"))
    await scenario.makes_due_and_sends()
    assert postman.subjects == ["Votre demande n° 4127 est résolue"]


async def test_who_wants_no_resolutions_is_still_notified_of_the_answer(scenario, postman, client):
    await scenario.has_request()
    await gets(scenario, client, resolutions=False)
    await scenario.receives(scenario.answer(), scenario.resolved())
    await scenario.makes_due_and_sends()
    assert postman.subjects == ["Votre demande n° 4127 a reçu une réponse"]


async def test_what_is_not_wanted_any_more_is_not_sent(scenario, postman, client):
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await gets(scenario, client, replies=False)
    await scenario.makes_due_and_sends()
    assert postman.taken == []
    assert await scenario.states() == [("reply", "dropped")]


@pytest.mark.parametrize("since", ["answer", "resolved"])
async def test_staff_are_not_notified_of_what_a_colleague_answered(
    scenario, postman, client, since
):
    await scenario.wants(client, new_requests=True, customer_answers=True)
    await scenario.knows_people()
    await scenario.receives(scenario.opened(), scenario.customer_message())
    await scenario.receives(
        scenario.answer() if since == "answer" else scenario.resolved(Side.CUSTOMER)
    )
    await scenario.makes_due_and_sends()

    assert set(postman.addresses) <= {"ines@example.org"}
    states = dict(await scenario.states())
    assert states["new_request"] == states["customer_answer"] == "dropped"


# --- Links ------------------------------------------------------------------------------------


async def test_a_link_that_is_over_is_not_sent(scenario, postman, owners):
    used, unknown = scenario.link(), scenario.link()
    owners.links[used.link_id] = {}
    await scenario.receives(scenario.customer(), used, unknown)
    await scenario.sends_due()
    assert postman.taken == []
    assert await scenario.states() == [("password_link", "dropped")] * 2


async def test_a_link_that_has_expired_is_not_even_asked_for(scenario, postman, owners):
    link = scenario.link(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    owners.know_link(link.link_id, link.purpose, "ines@example.org")
    await scenario.receives(scenario.customer(), link)
    assert await scenario.mails() == []


async def test_a_link_that_ends_while_it_waits_is_dropped(scenario, postman, owners, database):
    link = scenario.link()
    owners.know_link(link.link_id, link.purpose, "ines@example.org")
    await scenario.receives(scenario.customer(), link)
    async with database.transaction() as session:
        await session.execute(update(Mail).values(link_expires_at=datetime.now(UTC)))
    await scenario.sends_due()
    assert postman.taken == []
    assert await scenario.states() == [("password_link", "dropped")]


@pytest.mark.parametrize("mode", ["failing", "unrouted", "refusing"])
async def test_a_link_waits_for_an_identity_that_does_not_answer(scenario, postman, owners, mode):
    link = scenario.link()
    owners.know_link(link.link_id, link.purpose, "ines@example.org")
    owners.mode = mode
    await scenario.receives(scenario.customer(), link)
    await scenario.sends_due()
    mail = await scenario.mail()
    assert (mail.state, mail.attempts, mail.waits) == ("waiting", 0, 1)

    owners.mode = "answering"
    await scenario.makes_due_and_sends()
    assert len(postman.taken) == 1


async def test_each_attempt_has_its_own_secret_and_stores_none(scenario, postman, owners, database):
    link = scenario.link()
    owners.know_link(link.link_id, link.purpose, "ines@example.org")
    await scenario.receives(scenario.customer(), link)
    postman.drop = True
    await scenario.sends_due()
    postman.drop = False
    await scenario.makes_due_and_sends()

    pages = [mail.get_body(("plain",)).get_content() for mail in postman.mails]
    assert "https://guichet.example/lien/secret-1" in pages[0]
    assert "https://guichet.example/lien/secret-2" in pages[1]
    async with database.transaction() as session:
        rows = (await session.execute(text("SELECT mails::text FROM mails"))).scalars().all()
    assert "secret-" not in "".join(rows)


async def test_a_link_goes_to_whoever_identity_says(scenario, postman, owners):
    link = scenario.link(purpose="email")
    owners.know_link(link.link_id, link.purpose, "new@example.org")
    await scenario.receives(scenario.customer(), link)
    await scenario.sends_due()
    assert postman.addresses == ["new@example.org"]


async def test_links_go_before_all_the_rest(scenario, postman, owners):
    await scenario.has_request()
    await scenario.receives(scenario.answer(), scenario.password())
    link = scenario.link()
    owners.know_link(link.link_id, link.purpose, "ines@example.org")
    await scenario.receives(link)
    await scenario.makes_due_and_sends()
    assert postman.subjects[0] == "Choisissez un nouveau mot de passe"


async def test_answers_at_the_same_instant_are_one_mail(scenario, postman):
    """By two replicas, each in a transaction of its own."""
    await scenario.has_request()
    answers = [scenario.answer() for _ in range(4)]
    await asyncio.gather(*(scenario.receives(answer) for answer in answers))
    await scenario.makes_due_and_sends()
    assert postman.subjects == ["Votre demande n° 4127 a reçu 4 réponses"]


async def test_answers_that_arrive_while_a_worker_claims_are_each_sent_once(
    scenario, postman, rules
):
    rules.mail_gather_seconds = 0
    await scenario.has_request()
    answers = [scenario.answer() for _ in range(12)]

    async def receive_answers():
        for answer in answers:
            await scenario.receives(answer)

    hearing = asyncio.create_task(receive_answers())
    while not hearing.done():
        await scenario.sends_due()
    await scenario.makes_due_and_sends()

    message_ids = sorted(reason.message_id for reason in await scenario.reasons())
    assert message_ids == sorted(answer.message_id for answer in answers)
    assert {state for _, state in await scenario.states()} == {"sent"}
    assert len(postman.taken) == len(await scenario.mails())
