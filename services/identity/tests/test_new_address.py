"""With mail, a customer's new address takes effect once its link is opened."""

from datetime import UTC, datetime, timedelta

import pytest

from chassis.testing import published
from contracts.identity.events import CustomerChanged
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity.models import Link

PASSWORD = "grenouille sur un vélo"
OTHER_PASSWORD = "trois pommes et demie"
EMAIL = "nathalie@example.org"
NEW = "n.leroy@example.org"

pytestmark = pytest.mark.usefixtures("mail")


@pytest.fixture
async def customer(people):
    return await people.registered(email=EMAIL)


@pytest.fixture
async def me(people, customer):
    return await people.signed_in(EMAIL)


async def change_email(people, me, email=NEW, current=PASSWORD):
    body = {"current_password": current, "email": email}
    return await people.client.put("/me/email", json=body, headers=me)


async def pending(people, me) -> tuple[str, str | None]:
    account = (await people.client.get("/me", headers=me)).json()
    return account["email"], account["pending_email"]


async def changes(session) -> list[CustomerChanged]:
    return [event for event in await published(session) if isinstance(event, CustomerChanged)]


async def test_a_new_address_waits_for_its_link(people, session, me, links):
    answer = await change_email(people, me)

    assert (answer.json()["email"], answer.json()["pending_email"]) == (EMAIL, NEW)
    assert await pending(people, me) == (EMAIL, NEW)
    [link] = await links()
    assert link.purpose == Purpose.EMAIL
    assert link.expires_at - link.requested_at == timedelta(hours=24)
    assert (await people.ask_secret(link.link_id)).json()["email"] == NEW
    assert len(await changes(session)) == 1
    people.refused(await people.sign_in(NEW), 401, "credentials_wrong")
    signed_in = (await people.sign_in(EMAIL)).json()
    assert signed_in["account"]["pending_email"] == NEW


async def test_opening_the_link_makes_the_new_address_effective(people, session, me, links):
    await change_email(people, me)
    secret = await people.secret((await links())[0].link_id)
    body = (await people.read_link(secret)).json()
    assert (body["purpose"], body["email"]) == ("email", NEW)

    answer = await people.use_link(secret, None)

    assert answer.json() == {"purpose": "email", "email": NEW, "refused": False}
    *_, event = await changes(session)
    assert (event.email, event.version) == (NEW, 2)
    assert event.changed_at is not None
    assert datetime.now(UTC) - event.changed_at < timedelta(minutes=1)
    assert await pending(people, me) == (NEW, None)
    people.refused(await people.sign_in(EMAIL), 401, "credentials_wrong")
    assert (await people.sign_in(NEW)).status_code == 201
    people.refused(await people.use_link(secret, None), 409, "link_used")


async def test_a_link_for_an_address_changes_no_password(people, me, links):
    await change_email(people, me)
    secret = await people.secret((await links())[0].link_id)
    assert (await people.use_link(secret, OTHER_PASSWORD)).status_code == 200
    assert (await people.sign_in(NEW, PASSWORD)).status_code == 201


async def test_only_the_mailbox_of_an_address_learns_who_has_it(people, me, links):
    """The answer is the same for any address; the mail has no link, and goes to its owner."""
    free = (await change_email(people, me)).json()
    await people.registered(email="marc@example.org", first_name="Marc", last_name="Petit")
    answer = await change_email(people, me, "Marc@Example.org")
    assert answer.status_code == 200
    assert answer.json() == free | {"pending_email": "Marc@example.org"}
    assert await pending(people, me) == (EMAIL, "Marc@example.org")

    body = (await people.ask_secret((await links())[-1].link_id)).json()
    assert (body["taken"], body["secret"]) == (True, "")
    assert (body["email"], body["first_name"]) == ("marc@example.org", "Marc")
    people.refused(await people.use_link("", None), 404, "link_unknown")


@pytest.mark.parametrize("way", ["own change", "counter", "forgotten"])
async def test_no_pending_address_survives_a_new_password(people, me, customer, links, way):
    """A thief of the old password who requested another address loses that change."""
    await change_email(people, me)
    secret = await people.secret((await links())[0].link_id)
    if way == "own change":
        body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
        answer = await people.client.put("/me/password", json=body, headers=me)
    elif way == "counter":
        path, body = f"/customers/{customer['id']}/password", {"password": OTHER_PASSWORD}
        answer = await people.client.put(path, json=body, headers=people.seller)
    else:
        await people.forget(EMAIL)
        chosen = await people.secret((await links())[-1].link_id)
        answer = await people.use_link(chosen, OTHER_PASSWORD)
    assert answer.is_success

    people.refused(await people.use_link(secret, None), 409, "link_expired")
    account = (await people.sign_in(EMAIL, OTHER_PASSWORD)).json()["account"]
    assert (account["email"], account["pending_email"]) == (EMAIL, None)


async def test_an_address_taken_meanwhile_is_refused_when_its_link_is_opened(
    people, session, me, links
):
    await change_email(people, me)
    secret = await people.secret((await links())[0].link_id)
    other = await people.registered(email=NEW.upper())

    people.refused(await people.use_link(secret, None), 409, "email_taken")

    assert await pending(people, me) == (EMAIL, NEW)
    change = {"email": "autre@example.org"}
    await people.client.patch(f"/customers/{other['id']}", json=change, headers=people.seller)
    assert (await people.use_link(secret, None)).status_code == 200


async def test_a_pending_address_is_still_free(people, me):
    await change_email(people, me)
    assert (await people.register(email=NEW)).status_code == 201


async def test_a_change_is_cancelled(people, me, links):
    await change_email(people, me)
    secret = await people.secret((await links())[0].link_id)

    for _ in range(2):
        answer = await people.client.delete("/me/email/pending", headers=me)
        assert (answer.status_code, answer.content) == (204, b"")

    assert await pending(people, me) == (EMAIL, None)
    people.refused(await people.use_link(secret, None), 409, "link_expired")
    assert (await people.sign_in(EMAIL)).status_code == 201


async def test_entering_the_current_address_cancels_the_change(people, session, me, links):
    await change_email(people, me)
    answer = await change_email(people, me, EMAIL)
    assert (answer.json()["email"], answer.json()["pending_email"]) == (EMAIL, None)
    assert len(await links()) == 1
    assert len(await changes(session)) == 1


async def test_the_same_address_written_another_way_is_confirmed_too(people, me):
    answer = await change_email(people, me, "Nathalie@example.org")
    assert answer.json()["pending_email"] == "Nathalie@example.org"


async def test_another_new_address_replaces_the_one_before(people, me, links):
    await change_email(people, me)
    await change_email(people, me, "autre@example.org")
    first, second = await links()
    people.refused(await people.ask_secret(first.link_id), 409, "link_expired")
    assert await pending(people, me) == (EMAIL, "autre@example.org")
    await people.use_link(await people.secret(second.link_id), None)
    assert await pending(people, me) == ("autre@example.org", None)


async def test_a_link_not_opened_in_a_day_changes_nothing(people, me, links, later):
    await change_email(people, me)
    secret = await people.secret((await links())[0].link_id)
    await later(Link, "expires_at", timedelta(hours=25))
    assert await pending(people, me) == (EMAIL, None)
    people.refused(await people.use_link(secret, None), 409, "link_expired")


async def test_whoever_reads_the_old_address_ends_the_change_with_one_click(people, me, links):
    await change_email(people, me)
    link_id = (await links())[0].link_id
    confirmation = await people.secret(link_id)
    mail = (await people.ask_refusal(link_id)).json()
    assert (mail["email"], mail["new_email"], mail["purpose"]) == (EMAIL, NEW, "email")
    body = (await people.read_link(mail["secret"])).json()
    assert (body["email"], body["refuses"]) == (NEW, True)

    for _ in range(2):  # again is as good as once
        used = (await people.use_link(mail["secret"], None)).json()
        assert used == {"purpose": "email", "email": EMAIL, "refused": True}

    people.refused(await people.use_link(confirmation, None), 409, "link_expired")
    people.refused(await people.ask_refusal(link_id), 409, "link_expired")
    assert await pending(people, me) == (EMAIL, None)


async def test_a_refusal_confirms_nothing_and_comes_too_late_once_it_is_confirmed(
    people, me, links
):
    await change_email(people, me)
    link_id = (await links())[0].link_id
    refusal = (await people.ask_refusal(link_id)).json()["secret"]
    people.refused(await people.use_link(refusal.removeprefix("no.")), 404, "link_unknown")
    await people.use_link(await people.secret(link_id), None)
    people.refused(await people.use_link(refusal, None), 409, "link_used")


async def test_a_link_to_choose_a_password_has_no_refusal(people, me, links):
    await people.forget(EMAIL)
    [link] = await links()
    people.refused(await people.ask_refusal(link.link_id), 404, "link_unknown")


async def test_without_the_password_no_mail_goes_anywhere(people, me, links):
    answer = await change_email(people, me, current="pas le bon du tout")
    people.refused(answer, 422, "current_password_wrong", field="current_password")
    assert await links() == []


async def test_nobody_fills_another_ones_mailbox(people, me, links, later):
    for n in range(5):
        assert (await change_email(people, me, f"{n}@example.org")).status_code == 200

    answer = await change_email(people, me)

    assert people.refused(answer, 429, "too_many_links")["context"] == {"most": 5}
    assert 3500 < int(answer.headers["retry-after"]) <= 3600
    assert len(await links()) == 5
    assert await pending(people, me) == (EMAIL, "4@example.org")
    await later(Link, "requested_at", timedelta(minutes=61))
    assert (await change_email(people, me)).status_code == 200


async def test_an_address_changed_at_the_counter_counts_at_once_and_ends_the_change(
    people, session, customer, me, links
):
    await change_email(people, me)
    secret = await people.secret((await links())[0].link_id)

    change = {"email": "comptoir@example.org"}
    answer = await people.client.patch(
        f"/customers/{customer['id']}", json=change, headers=people.seller
    )

    assert answer.json()["email"] == "comptoir@example.org"
    assert await pending(people, me) == ("comptoir@example.org", None)
    people.refused(await people.use_link(secret, None), 409, "link_expired")


async def test_a_name_changed_at_the_counter_leaves_the_change_alone(people, customer, me, links):
    await change_email(people, me)
    change = {"last_name": "Leroy", "email": EMAIL}
    await people.client.patch(f"/customers/{customer['id']}", json=change, headers=people.seller)
    assert await pending(people, me) == (EMAIL, NEW)


async def test_a_link_to_the_address_before_chooses_no_password(people, me, links):
    await people.forget(EMAIL)
    await change_email(people, me)
    forgotten, address = await links()
    before = await people.secret(forgotten.link_id)

    await people.use_link(await people.secret(address.link_id), None)

    people.refused(await people.use_link(before), 404, "link_unknown")
    assert (await people.sign_in(NEW, PASSWORD)).status_code == 201


async def test_staff_have_no_new_address_to_give_up(people):
    await people.hired(Role.SELLER, email="julien@example.org")
    headers = await people.signed_in("julien@example.org")
    answer = await people.client.delete("/me/email/pending", headers=headers)
    people.refused(answer, 403, "forbidden")


async def test_where_mail_was_switched_off_the_change_is_immediate_and_ends_what_waits(
    people, me, links, app, monkeypatch
):
    await change_email(people, me)
    secret = await people.secret((await links())[0].link_id)
    monkeypatch.setattr(app.state.settings, "mail", False)

    answer = await change_email(people, me, "autre@example.org")

    assert (answer.json()["email"], answer.json()["pending_email"]) == ("autre@example.org", None)
    people.refused(await people.use_link(secret, None), 409, "link_expired")
