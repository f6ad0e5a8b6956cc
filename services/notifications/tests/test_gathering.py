"""Bursts become one mail; what has no reason any more is not sent."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from chassis.testing import token
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from contracts.tickets.events import Side


async def gets(post, client, **wishes):
    """The customer says what they want."""
    headers = token(Role.CUSTOMER, post.customer_id)
    answer = await client.patch("/api/notifications/preferences", json=wishes, headers=headers)
    assert answer.status_code == 200


async def test_answers_within_two_minutes_are_one_mail(post, postman):
    await post.has_request()
    first = post.answer()
    await post.hears(first)
    await post.hears(post.answer(), post.answer(author_id=post.technician_id))

    mail = await post.mail()
    assert mail.due_at == first.sent_at + timedelta(seconds=120)
    await post.goes_out()
    assert postman.taken == []

    await post.goes_out_later()
    assert postman.subjects == ["Votre demande n° 4127 a reçu 3 réponses"]
    assert len(await post.reasons()) == 3


async def test_an_answer_after_the_mail_is_another_mail(post, postman):
    await post.has_request()
    await post.hears(post.answer())
    await post.goes_out_later()
    await post.hears(post.answer())
    await post.goes_out_later()
    assert len(postman.taken) == 2


async def test_an_answer_does_not_join_a_mail_that_may_have_arrived(post, postman):
    """It has a Message-ID by which a mail program may take the second for a copy."""
    await post.has_request()
    await post.hears(post.answer())
    postman.drop = True
    await post.goes_out_later()
    postman.drop = False
    await post.hears(post.answer())
    assert len(await post.mails()) == 2


async def test_answers_on_two_requests_are_two_mails(post, postman):
    await post.has_request()
    await post.hears(post.answer())
    post.ticket_id, post.number, post.version = uuid4(), 4128, 1
    await post.hears(post.opened(), post.answer())
    await post.goes_out_later()
    assert len(postman.taken) == 2


async def test_the_time_to_gather_is_a_setting(post, postman, rules):
    rules.mail_gather_seconds = 0
    await post.has_request()
    await post.hears(post.answer())
    await post.goes_out()
    assert len(postman.taken) == 1


async def test_links_and_passwords_go_at_once(post, postman, asked):
    link = post.link()
    asked.know_link(link.link_id, link.purpose, "ines@example.org")
    await post.hears(post.customer(), link, post.password())
    await post.goes_out()
    assert len(postman.taken) == 2


async def test_whoever_has_the_wanted_address_is_told_and_gets_no_link(post, postman, asked):
    link = post.link(Purpose.EMAIL)
    asked.know_link(link.link_id, link.purpose, "marc@example.org")
    asked.links[link.link_id] |= {"taken": True, "secret": ""}
    await post.hears(post.customer(), link)
    await post.goes_out()
    assert postman.subjects == ["Votre adresse e-mail a déjà un compte"]
    assert "/lien/" not in str(postman.mails[0])


async def test_the_old_address_is_told_of_the_new_one_and_can_end_it(post, postman, asked):
    link = post.link(Purpose.EMAIL)
    asked.know_link(link.link_id, link.purpose, "marc@example.org")
    asked.refusals[link.link_id] = asked.links[link.link_id] | {
        "email": "ines@example.org",
        "new_email": "marc@example.org",
    }
    await post.hears(post.customer(), link)
    await post.goes_out()
    warning = next(mail for mail in postman.mails if "Une autre" in str(mail["Subject"]))
    assert warning["To"].addresses[0].addr_spec == "ines@example.org"
    assert "marc@example.org" in warning.get_body(("plain",)).get_content()
    assert "/lien/no.secret" in warning.get_body(("plain",)).get_content()


async def test_a_first_password_is_welcomed_and_not_called_a_change(post, postman):
    await post.hears(post.customer(), post.password(first=True))
    await post.goes_out()
    assert postman.subjects == ["Bienvenue : votre compte est prêt"]
    assert "changé" not in str(postman.mails[0])


@pytest.mark.parametrize(
    ("house", "customer", "told"), [(False, True, 0), (True, True, 1), (True, False, 0)]
)
async def test_a_new_request_is_acknowledged_where_house_and_customer_want_it(
    post, postman, rules, client, house, customer, told
):
    rules.mail_acknowledge = house
    await gets(post, client, acknowledgements=customer)
    await post.hears(post.customer(), post.opened())
    await post.goes_out()
    assert postman.subjects == ["Votre demande n° 4127 est arrivée"] * told


async def test_what_was_answered_before_is_not_acknowledged(post, postman, rules):
    rules.mail_acknowledge = True
    await post.hears(post.customer(), post.technician(), post.opened(), post.answer())
    await post.goes_out_later()
    assert postman.subjects == ["Votre demande n° 4127 a reçu une réponse"]


# --- Dropping ---------------------------------------------------------------------------------


async def test_who_has_written_since_has_read_the_answer(post, postman):
    await post.has_request()
    await post.hears(post.answer(), post.precision())
    await post.goes_out_later()
    assert postman.taken == []
    assert await post.states() == [("reply", "dropped")]


async def test_an_answer_after_the_customers_own_is_told(post, postman):
    await post.has_request()
    await post.hears(post.answer(), post.precision(), post.answer())
    await post.goes_out_later()
    assert len(postman.taken) == 1


async def test_who_resolves_has_read_the_answer(post, postman):
    await post.has_request()
    await post.hears(post.answer(), post.resolved(Side.CUSTOMER))
    await post.goes_out_later()
    assert postman.taken == []


async def test_answered_and_resolved_is_one_mail_that_stands_for_both(post, postman, client):
    await post.has_request()
    answer = post.answer()
    await post.hears(answer, post.resolved())
    await post.goes_out()

    assert postman.subjects == ["Votre demande n° 4127 est résolue"]
    headers = token(Role.TECHNICIAN)
    found = await client.get("/api/notifications/deliveries?ticket_number=4127", headers=headers)
    told = {d["kind"]: (d["state"], d["message_ids"]) for d in found.json()["deliveries"]}
    assert told == {"resolved": ("sent", [str(answer.message_id)]), "reply": ("dropped", [])}


async def test_who_wants_no_resolutions_is_still_told_of_the_answer(post, postman, client):
    await post.has_request()
    await gets(post, client, resolutions=False)
    await post.hears(post.answer(), post.resolved())
    await post.goes_out_later()
    assert postman.subjects == ["Votre demande n° 4127 a reçu une réponse"]


async def test_what_is_not_wanted_any_more_is_not_sent(post, postman, client):
    await post.has_request()
    await post.hears(post.answer())
    await gets(post, client, replies=False)
    await post.goes_out_later()
    assert postman.taken == []
    assert await post.states() == [("reply", "dropped")]


@pytest.mark.parametrize("since", ["answer", "resolved"])
async def test_staff_are_not_told_what_a_colleague_has_seen_to(post, postman, client, since):
    await post.wants(client, new_requests=True, customer_answers=True)
    await post.knows_people()
    await post.hears(post.opened(), post.precision())
    await post.hears(post.answer() if since == "answer" else post.resolved(Side.CUSTOMER))
    await post.goes_out_later()

    assert set(postman.addresses) <= {"ines@example.org"}
    states = dict(await post.states())
    assert states["new_request"] == states["customer_answer"] == "dropped"


# --- Links ------------------------------------------------------------------------------------


async def test_a_link_that_is_over_is_not_sent(post, postman, asked):
    used, unknown = post.link(), post.link()
    asked.links[used.link_id] = {}
    await post.hears(post.customer(), used, unknown)
    await post.goes_out()
    assert postman.taken == []
    assert await post.states() == [("password_link", "dropped")] * 2


async def test_a_link_that_has_expired_is_not_even_asked_for(post, postman, asked):
    link = post.link(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    asked.know_link(link.link_id, link.purpose, "ines@example.org")
    await post.hears(post.customer(), link)
    assert await post.mails() == []


@pytest.mark.parametrize("mood", ["failing", "unrouted", "refusing"])
async def test_a_link_waits_for_an_identity_that_does_not_answer(post, postman, asked, mood):
    link = post.link()
    asked.know_link(link.link_id, link.purpose, "ines@example.org")
    asked.mood = mood
    await post.hears(post.customer(), link)
    await post.goes_out()
    mail = await post.mail()
    assert (mail.state, mail.attempts, mail.waits) == ("waiting", 0, 1)

    asked.mood = "answering"
    await post.goes_out_later()
    assert len(postman.taken) == 1


async def test_each_try_of_a_link_has_a_secret_that_is_kept_nowhere(post, postman, asked, database):
    link = post.link()
    asked.know_link(link.link_id, link.purpose, "ines@example.org")
    await post.hears(post.customer(), link)
    postman.drop = True
    await post.goes_out()
    postman.drop = False
    await post.goes_out_later()

    pages = [mail.get_body(("plain",)).get_content() for mail in postman.mails]
    assert "https://guichet.example/lien/secret-1" in pages[0]
    assert "https://guichet.example/lien/secret-2" in pages[1]
    async with database.transaction() as session:
        kept = (await session.execute(text("SELECT mails::text FROM mails"))).scalars().all()
    assert "secret-" not in "".join(kept)


async def test_a_link_goes_to_whoever_identity_says(post, postman, asked):
    link = post.link(purpose="email")
    asked.know_link(link.link_id, link.purpose, "new@example.org")
    await post.hears(post.customer(), link)
    await post.goes_out()
    assert postman.addresses == ["new@example.org"]


async def test_links_go_before_all_the_rest(post, postman, asked):
    await post.has_request()
    await post.hears(post.answer(), post.password())
    link = post.link()
    asked.know_link(link.link_id, link.purpose, "ines@example.org")
    await post.hears(link)
    await post.goes_out_later()
    assert postman.subjects[0] == "Choisissez un nouveau mot de passe"


async def test_answers_heard_at_the_same_instant_are_one_mail(post, postman):
    """By two replicas, each in a transaction of its own."""
    await post.has_request()
    answers = [post.answer() for _ in range(4)]
    await asyncio.gather(*(post.hears(answer) for answer in answers))
    await post.goes_out_later()
    assert postman.subjects == ["Votre demande n° 4127 a reçu 4 réponses"]


async def test_answers_heard_while_a_worker_looks_are_each_told_once(post, postman, rules):
    rules.mail_gather_seconds = 0
    await post.has_request()
    answers = [post.answer() for _ in range(12)]

    async def hear():
        for answer in answers:
            await post.hears(answer)

    hearing = asyncio.create_task(hear())
    while not hearing.done():
        await post.goes_out()
    await post.goes_out_later()

    told = sorted(reason.message_id for reason in await post.reasons())
    assert told == sorted(answer.message_id for answer in answers)
    assert {state for _, state in await post.states()} == {"sent"}
    assert len(postman.taken) == len(await post.mails())
