"""Preferences, unsubscriptions, deliveries, what nobody received, and how sending goes."""

import re
from itertools import chain
from uuid import UUID, uuid4

import pytest

from chassis.testing import token
from contracts.identity.roles import SERVICE, STAFF, Role
from contracts.notifications.api import Kind
from notifications.operations import preferences

API = "/api/notifications"
STAFF_MEMBER = token(Role.SELLER)
ADMINISTRATOR = token(Role.ADMINISTRATOR)

# --- Preferences ------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
async def test_everybody_has_preferences_before_saying_any(client, role):
    stored = (await client.get(f"{API}/preferences", headers=token(role))).json()
    assert stored["replies"] is stored["resolutions"] is True
    assert stored["new_requests"] is stored["customer_answers"] is False
    assert stored["acknowledgements"] is None  # this installation sends none


async def test_what_is_not_given_stays(client):
    me, other = token(Role.CUSTOMER), token(Role.CUSTOMER)
    by_default = (await client.get(f"{API}/preferences", headers=me)).json()
    await client.patch(f"{API}/preferences", json={"replies": False}, headers=me)
    answer = await client.patch(f"{API}/preferences", json={"resolutions": False}, headers=me)
    assert answer.json() == by_default | {"replies": False, "resolutions": False}
    assert (await client.get(f"{API}/preferences", headers=me)).json() == answer.json()
    assert (await client.get(f"{API}/preferences", headers=other)).json() == by_default


@pytest.mark.parametrize("body", [{"language": "en"}, {"replies": "perhaps"}, {"surprise": True}])
async def test_what_makes_no_sense_is_refused(client, body):
    me = token(Role.CUSTOMER)
    assert (await client.patch(f"{API}/preferences", json=body, headers=me)).status_code == 422


async def test_nobody_has_preferences_without_an_account(client):
    assert (await client.get(f"{API}/preferences")).status_code == 401
    assert (await client.get(f"{API}/preferences", headers=token(SERVICE))).status_code == 403


# --- Unsubscriptions --------------------------------------------------------------------------


async def token_of_mail(scenario, postman):
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    return str(postman.mails[-1]["List-Unsubscribe"]).rpartition("/")[2].rstrip(">")


async def test_a_mail_lets_its_reader_end_such_mails_without_signing_in(scenario, postman, client):
    token = await token_of_mail(scenario, postman)

    read = await client.post(f"{API}/unsubscriptions/read", json={"token": token})
    assert read.json() == {"kind": "reply", "wanted": True}
    again = await client.post(f"{API}/unsubscriptions/read", json={"token": token})
    assert again.json()["wanted"] is True

    for _ in range(2):
        ended = await client.post(f"{API}/unsubscriptions", json={"token": token})
        assert ended.json() == {"kind": "reply", "wanted": False}

    await scenario.receives(scenario.answer())
    await scenario.receives(scenario.resolved())
    await scenario.makes_due_and_sends()
    assert postman.subjects[1:] == ["Votre demande n° 4127 est résolue"]


async def test_the_end_of_such_mails_is_taken_back_by_the_same_token(scenario, postman, client):
    token = await token_of_mail(scenario, postman)
    for wanted in (False, True, True):
        answer = await client.post(
            f"{API}/unsubscriptions", json={"token": token, "wanted": wanted}
        )
        assert answer.json() == {"kind": "reply", "wanted": wanted}

    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    assert len(postman.mails) == 2


@pytest.mark.parametrize("path", ["unsubscriptions", "unsubscriptions/read"])
async def test_only_what_we_have_signed_ends_anything(scenario, postman, client, path):
    good = await token_of_mail(scenario, postman)
    person, kind, signed = good.split(".")
    forged = [
        "",
        "nonsense",
        f"{person}.{kind}",
        f"{person}.{kind}.",
        f"{person}.resolved.{signed}",
        f"{uuid4().hex}.{kind}.{signed}",
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        preferences.token_for("another secret of thirty-two characters", uuid4(), Kind.REPLY),
        "é.ü.ñ",
    ]
    for given in forged:
        answer = await client.post(f"{API}/{path}", json={"token": given})
        assert answer.status_code == 404, given
        assert answer.json()["code"] == "unsubscription_unknown"


async def test_staff_take_back_the_end_of_mails_that_they_had_asked_for(scenario, database):
    for wanted in (True, False, True):
        async with database.transaction() as session:
            left = await preferences.unsubscribe(
                session, scenario.technician_id, Kind.NEW_REQUEST, wanted=wanted
            )
            assert left.new_requests is wanted


def test_a_token_of_a_link_is_a_word_that_no_mail_program_breaks():
    token = preferences.token_for("a secret of thirty-two characters", uuid4(), Kind.NEW_REQUEST)
    assert re.fullmatch(r"[\w.-]+", token)


def test_nothing_is_signed_without_a_secret():
    with pytest.raises(preferences.UnsubscriptionUnknown):
        preferences.read_token("", preferences.token_for("", uuid4(), Kind.REPLY))


# --- What became of mails ---------------------------------------------------------------------


async def test_staff_see_what_became_of_each_answer(scenario, postman, client):
    await scenario.has_request()
    first = scenario.answer()
    await scenario.receives(first)
    await scenario.makes_due_and_sends()
    second, third = scenario.answer(), scenario.answer()
    await scenario.receives(second, third)

    found = await client.get(f"{API}/deliveries?ticket_number=4127", headers=STAFF_MEMBER)
    deliveries = [(d["kind"], d["state"], d["message_ids"]) for d in found.json()["deliveries"]]
    assert deliveries == [
        ("reply", "waiting", [str(second.message_id), str(third.message_id)]),
        ("reply", "sent", [str(first.message_id)]),
    ]


async def test_staff_see_nothing_of_mails_to_staff(scenario, postman, client):
    await scenario.wants(client, new_requests=True)
    await scenario.has_request()
    found = await client.get(f"{API}/deliveries?ticket_number=4127", headers=STAFF_MEMBER)
    assert found.json() == {"deliveries": []}


async def fails(scenario, postman):
    postman.to_rcpt = "550 5.1.1 no such mailbox"
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    postman.to_rcpt = ""
    return await scenario.mail()


async def test_a_mail_that_nobody_received_is_listed_corrected_and_sent_again(
    scenario, postman, client
):
    mail = await fails(scenario, postman)
    await scenario.receives(scenario.customer(version=2, email="inès@example.org", changed_at=None))

    found = (await client.get(f"{API}/undelivered", headers=STAFF_MEMBER)).json()
    assert found["count"] == 1
    assert found["next"] is None
    [line] = found["mails"]
    assert (line["id"], line["kind"], line["ticket_number"]) == (str(mail.id), "reply", 4127)
    assert line["person_id"] == str(scenario.customer_id)
    assert (line["email"], line["email_now"]) == ("ines@example.org", "inès@example.org")
    assert (line["attempts"], line["reason"]) == (1, "550 5.1.1 no such mailbox")
    assert line["failed_at"]
    assert line["can_be_resent"] is True

    again = await client.post(f"{API}/mails/{mail.id}/resend", headers=STAFF_MEMBER)
    assert again.json()["state"] == "waiting"
    await scenario.sends_due()
    assert postman.addresses == ["inès@example.org"]
    assert (await client.get(f"{API}/undelivered", headers=STAFF_MEMBER)).json()["mails"] == []


async def test_resending_is_idempotent(scenario, postman, client):
    mail = await fails(scenario, postman)
    path = f"{API}/mails/{mail.id}/resend"
    for _ in range(3):
        answer = await client.post(path, headers=STAFF_MEMBER)
        assert (answer.status_code, answer.json()["state"]) == (200, "waiting")
    await scenario.sends_due()
    answer = await client.post(path, headers=STAFF_MEMBER)
    assert (answer.status_code, answer.json()["state"]) == (200, "sent")
    await scenario.makes_due_and_sends()
    assert len(postman.taken) == 1


async def test_what_has_no_reason_any_more_is_not_sent_again(scenario, postman, client):
    mail = await fails(scenario, postman)
    await scenario.receives(scenario.customer_message())
    [line] = (await client.get(f"{API}/undelivered", headers=STAFF_MEMBER)).json()["mails"]
    assert line["can_be_resent"] is False
    answer = await client.post(f"{API}/mails/{mail.id}/resend", headers=STAFF_MEMBER)
    assert (answer.status_code, answer.json()["code"]) == (409, "mail_not_resendable")


async def test_an_unknown_mail_is_not_sent_again(client):
    answer = await client.post(f"{API}/mails/{uuid4()}/resend", headers=STAFF_MEMBER)
    assert (answer.status_code, answer.json()["code"]) == (404, "mail_unknown")


async def test_what_nobody_received_is_paged_newest_first(scenario, postman, client):
    postman.to_rcpt = "550 5.1.1 no such mailbox"
    for _ in range(5):
        id = uuid4()
        await scenario.receives(scenario.customer(customer_id=id), scenario.password(account_id=id))
        await scenario.sends_due()
    pages, after = [], {}
    while True:
        answer = await client.get(
            f"{API}/undelivered", params={"limit": 2} | after, headers=STAFF_MEMBER
        )
        page = answer.json()
        assert page["count"] == 5
        pages.append([mail["failed_at"] for mail in page["mails"]])
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    shown = list(chain.from_iterable(pages))
    assert shown == sorted(shown, reverse=True)
    wrong = await client.get(f"{API}/undelivered?after=wrong", headers=STAFF_MEMBER)
    assert wrong.json()["code"] == "cursor_invalid"


async def test_the_queue_reports_age_and_last_error(scenario, postman, client, mail_server):
    await scenario.receives(scenario.customer(), scenario.password())
    await scenario.makes_due()
    before = (await client.get(f"{API}/queue", headers=ADMINISTRATOR)).json()
    assert (before["waiting"], before["last_trouble"]) == (1, None)
    assert before["oldest_seconds"] >= 1

    postman.to_mail = "421 4.3.2 going down"
    await scenario.sends_due()
    during = (await client.get(f"{API}/queue", headers=ADMINISTRATOR)).json()
    assert (during["waiting"], during["last_trouble"]) == (1, "421 4.3.2 going down")

    postman.to_mail = ""
    await scenario.makes_due_and_sends()
    after = (await client.get(f"{API}/queue", headers=ADMINISTRATOR)).json()
    assert (after["waiting"], after["oldest_seconds"], after["failed"]) == (0, 0, 0)
    assert after["sent_last_day"] == 1
    assert after["last_trouble"] is after["last_trouble_at"] is None


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/deliveries?ticket_number=1", STAFF),
        ("GET", "/undelivered", STAFF),
        ("POST", f"/mails/{UUID(int=1)}/resend", STAFF),
        ("GET", "/queue", (Role.ADMINISTRATOR,)),
    ],
)
async def test_only_those_who_may_see_it(client, method, path, allowed):
    for role in (*Role, SERVICE):
        answer = await client.request(method, API + path, headers=token(role))
        assert (answer.status_code == 403) is (role not in allowed)
    assert (await client.request(method, API + path)).status_code == 401


async def test_the_service_says_that_it_is_ready(client):
    answer = await client.get("/health/ready")
    assert answer.status_code == 200
