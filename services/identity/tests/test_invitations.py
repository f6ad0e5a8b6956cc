"""Invited customers and staff choose their password by a link; nobody else can use it."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select, update

from chassis.testing import published, token
from contracts.identity.events import (
    CustomerChanged,
    LinkRequested,
    PasswordChanged,
    StaffMemberChanged,
)
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity.models import Account, Link
from identity.passwords import Passwords

PASSWORD = "grenouille sur un vélo"
OTHER_PASSWORD = "trois pommes et demie"
EMAIL = "nathalie@example.org"


async def invite(people, customer, headers=None):
    return await people.post(f"/customers/{customer['id']}/links", None, headers or people.seller)


async def invite_member(people, member, headers=None):
    return await people.post(f"/staff/{member['id']}/links", None, headers or people.administrator)


async def test_a_customer_without_a_password_is_invited(people, session, mail):
    customer = await people.registered(email=EMAIL, password=None)

    assert customer["has_password"] is False
    changed, requested = await published(session)
    assert isinstance(changed, CustomerChanged)
    assert isinstance(requested, LinkRequested)
    assert (requested.account_id, requested.purpose) == (changed.customer_id, Purpose.INVITATION)
    assert requested.expires_at - requested.requested_at == timedelta(hours=24)

    secret = await people.secret(requested.link_id)
    assert (await people.read_link(secret)).json()["role"] == "customer"
    answer = await people.use_link(secret)
    assert answer.json() == {"purpose": "invitation", "email": EMAIL, "refused": False}
    *_, chosen = await published(session)
    assert isinstance(chosen, PasswordChanged)
    assert chosen.first
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201
    path = f"/customers/{customer['id']}"
    now = (await people.client.get(path, headers=people.seller)).json()
    assert now == customer | {"has_password": True}


async def test_a_member_of_staff_without_a_password_is_invited(people, session, mail):
    member = await people.hired(Role.TECHNICIAN, email=EMAIL, password=None)

    assert member["has_password"] is False
    changed, requested = await published(session)
    assert isinstance(changed, StaffMemberChanged)
    assert isinstance(requested, LinkRequested)
    assert requested.purpose == Purpose.INVITATION
    staff = (await people.client.get("/staff", headers=people.administrator)).json()["staff"]
    [listed] = [each for each in staff if each["email"] == EMAIL]
    assert listed == member

    await people.use_link(await people.secret(requested.link_id))
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).json()["account"]["role"] == "technician"
    staff = (await people.client.get("/staff", headers=people.administrator)).json()["staff"]
    [listed] = [each for each in staff if each["email"] == EMAIL]
    assert listed["has_password"] is True


async def test_without_a_password_nobody_signs_in_and_it_takes_as_long(
    people, session, mail, app, monkeypatch
):
    await people.registered(email=EMAIL, password=None)
    checked = []
    check = Passwords.check

    def counted(self: Passwords, stored: str, given: str) -> bool:
        checked.append(stored)
        return check(self, stored, given)

    monkeypatch.setattr(Passwords, "check", counted)
    for attempt in ("", PASSWORD, "None"):
        people.refused(await people.sign_in(EMAIL, attempt), 401, "credentials_wrong")
    assert checked == [app.state.passwords.nobodys] * 3
    assert await session.scalar(select(Account.password_hash).filter_by(email=EMAIL)) is None


async def test_whoever_was_invited_is_found_and_shown_as_such(people, mail):
    await people.registered(last_name="Zola", password=None)
    await people.registered(last_name="Éluard")
    for words in ("", "zola", "eluard", "example"):
        answer = await people.post("/customers/search", {"text": words}, people.seller)
        for customer in answer.json()["customers"]:
            assert customer["has_password"] is (customer["last_name"] == "Éluard")


async def test_a_form_sent_twice_invites_once(people, links, mail):
    first, again = [
        await people.register(key="form-0001", email=EMAIL, password=None) for _ in range(2)
    ]
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len(await links()) == 1


async def test_any_customer_can_be_sent_a_link_instead_of_a_password_at_the_counter(
    people, links, mail
):
    customer = await people.registered(email=EMAIL)

    answer = await invite(people, customer)

    assert answer.status_code == 201
    [link] = await links()
    assert link.purpose == Purpose.PASSWORD  # there is an account, and a password to replace
    assert link.expires_at - link.requested_at == timedelta(hours=24)
    assert answer.json() == link.model_dump(mode="json", include={"purpose", "expires_at"}) | {
        "id": str(link.link_id)
    }
    assert (await people.sign_in(EMAIL, PASSWORD)).status_code == 201
    await people.use_link(await people.secret(link.link_id))
    people.refused(await people.sign_in(EMAIL, PASSWORD), 401, "credentials_wrong")
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201


async def test_a_click_repeated_sends_one_link(people, links, mail):
    customer = await people.registered()
    headers = people.seller | {"Idempotency-Key": "form-0002"}
    first, again = [await invite(people, customer, headers) for _ in range(2)]
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len(await links()) == 1

    member = await people.hired(Role.SELLER)
    headers = people.administrator | {"Idempotency-Key": "form-0003"}
    first, again = [await invite_member(people, member, headers) for _ in range(2)]
    assert first.json() == again.json()
    assert len(await links()) == 2


async def test_nobody_is_sent_more_than_five_links_an_hour_by_all_of_the_staff(
    people, links, mail, later
):
    """One who has a password and one who has none, as both are mailed other kinds of links."""
    customer, member = await people.registered(), await people.hired(Role.SELLER, password=None)
    await people.forget(customer["email"])
    for colleague in (*people.staff, people.seller, people.seller)[:5]:
        assert (await invite(people, customer, colleague)).status_code == 201
    answer = await invite(people, customer)
    assert people.refused(answer, 429, "too_many_links")["context"] == {"most": 5}
    assert 3500 < int(answer.headers["retry-after"]) <= 3600

    for _ in range(4):  # and the one with which the member was hired
        assert (await invite_member(people, member)).status_code == 201
    people.refused(await invite_member(people, member), 429, "too_many_links")

    assert len(await links()) == 11
    await later(Link, "requested_at", timedelta(minutes=61))
    assert (await invite(people, customer)).status_code == 201
    assert (await invite_member(people, member)).status_code == 201


async def test_only_staff_invite_customers_and_administrators_invite_staff(people, links, mail):
    customer, member = await people.registered(), await people.hired(Role.SELLER)
    for colleague in people.staff:
        assert (await invite(people, customer, colleague)).status_code == 201
    assert (await invite_member(people, member)).status_code == 201
    announced = len(await links())
    for role in (Role.CUSTOMER, "service"):
        people.refused(await invite(people, customer, token(role)), 403, "forbidden")
    for role in (Role.CUSTOMER, Role.SELLER, Role.TECHNICIAN, "service"):
        people.refused(await invite_member(people, member, token(role)), 403, "forbidden")
    assert len(await links()) == announced


async def test_an_invitation_of_nobody_is_refused(people, mail):
    customer, member = await people.registered(), await people.hired(Role.SELLER)
    for unknown in ({"id": uuid4()}, member):
        people.refused(await invite(people, unknown), 404, "customer_unknown")
    for unknown in ({"id": uuid4()}, customer):
        people.refused(await invite_member(people, unknown), 404, "staff_member_unknown")


async def test_whoever_is_disabled_is_sent_nothing(people, session, links, mail):
    customer = await people.registered()
    member = await people.hired(Role.SELLER)
    await session.execute(
        update(Account).filter(Account.id.in_([customer["id"], member["id"]])).values(enabled=False)
    )
    await session.commit()
    people.refused(await invite(people, customer), 409, "account_disabled")
    people.refused(await invite_member(people, member), 409, "account_disabled")
    assert await links() == []


async def test_a_member_who_is_disabled_and_enabled_again_needs_another_link(people, links, mail):
    member = await people.hired(Role.SELLER, email=EMAIL, password=None)
    [link] = await links()
    secret = await people.secret(link.link_id)
    for enabled in (False, True):
        body = {"enabled": enabled}
        path = f"/staff/{member['id']}"
        await people.client.patch(path, json=body, headers=people.administrator)
        people.refused(await people.use_link(secret), 409, "link_expired")
    assert (await invite_member(people, member)).status_code == 201


async def test_without_mail_somebody_without_a_password_is_refused(people, session):
    answer = await people.register(password=None)
    people.refused(answer, 409, "mail_unavailable", field="password")
    answer = await people.hire(Role.SELLER, password=None)
    people.refused(answer, 409, "mail_unavailable", field="password")
    assert await published(session) == []


async def test_without_mail_no_link_is_sent(people, links):
    customer, member = await people.registered(), await people.hired(Role.SELLER)
    people.refused(await invite(people, customer), 409, "mail_unavailable")
    people.refused(await invite_member(people, member), 409, "mail_unavailable")
    assert await links() == []


async def test_a_first_password_may_still_be_chosen_at_the_counter(people, links, mail):
    customer = await people.registered(email=EMAIL, password=None)
    secret = await people.secret((await links())[0].link_id)
    path = f"/customers/{customer['id']}/password"
    await people.client.put(path, json={"password": PASSWORD}, headers=people.seller)
    assert (await people.sign_in(EMAIL, PASSWORD)).status_code == 201
    people.refused(await people.use_link(secret), 409, "link_expired")


async def test_an_administrator_who_cannot_sign_in_yet_is_not_the_last_to_stay(people, links, mail):
    """Whoever is invited might never come: nobody would be left to manage the staff."""
    last = await people.hired(Role.ADMINISTRATOR)
    invited = await people.hired(Role.ADMINISTRATOR, password=None)
    path, gone = f"/staff/{last['id']}", {"enabled": False}

    answer = await people.client.patch(path, json=gone, headers=people.administrator)
    people.refused(answer, 409, "last_administrator")

    await people.use_link(await people.secret((await links())[0].link_id))
    answer = await people.client.patch(path, json=gone, headers=people.administrator)
    assert answer.status_code == 200
    answer = await people.client.patch(
        f"/staff/{invited['id']}", json=gone, headers=people.administrator
    )
    people.refused(answer, 409, "last_administrator")


async def test_an_invited_administrator_can_be_shut_out(people, mail):
    await people.hired(Role.ADMINISTRATOR)
    invited = await people.hired(Role.ADMINISTRATOR, password=None)
    answer = await people.client.patch(
        f"/staff/{invited['id']}", json={"enabled": False}, headers=people.administrator
    )
    assert answer.status_code == 200
