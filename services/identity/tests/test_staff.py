"""Administrators look after the staff."""

import asyncio

import pytest

from chassis.testing import published, token
from contracts.identity.events import StaffMemberChanged
from contracts.identity.roles import Role

EMAIL = "karim@example.org"


async def last_change(session) -> StaffMemberChanged:
    *_, event = await published(session)
    assert isinstance(event, StaffMemberChanged)
    return event


async def change(people, member, **wanted):
    return await people.client.patch(
        f"/staff/{member['id']}", json=wanted, headers=people.administrator
    )


@pytest.mark.parametrize("role", [Role.SELLER, Role.TECHNICIAN, Role.ADMINISTRATOR])
async def test_a_new_staff_member_can_sign_in_and_is_announced(people, session, role):
    member = await people.hired(role, email=EMAIL, first_name="Karim", last_name="Benali")

    assert member["role"] == role
    assert member["last_used_at"] is None
    [event] = await published(session)
    assert isinstance(event, StaffMemberChanged)
    assert (str(event.staff_member_id), event.role, event.version) == (member["id"], role, 1)
    assert (await people.sign_in(EMAIL)).json()["account"]["role"] == role


async def test_a_customer_is_no_staff_member(people):
    people.refused(await people.hire(Role.CUSTOMER), 422, "enum", field="role")
    customer = await people.registered()
    people.refused(await change(people, customer, enabled=False), 404, "staff_member_unknown")


async def test_only_administrators_manage_the_staff(people):
    member = await people.hired(Role.SELLER)
    for role in (Role.SELLER, Role.TECHNICIAN, Role.CUSTOMER):
        for method, path in (
            ("GET", "/staff"),
            ("POST", "/staff"),
            ("PATCH", f"/staff/{member['id']}"),
        ):
            answer = await people.client.request(method, path, json={}, headers=token(role))
            people.refused(answer, 403, "forbidden")


async def test_the_staff_is_listed_by_name_with_its_last_use(people):
    await people.hired(Role.SELLER, last_name="Zola", email="zola@example.org")
    await people.hired(Role.TECHNICIAN, last_name="Éluard")
    await people.registered(last_name="Dupont")
    await people.session_token("zola@example.org")

    answer = await people.client.get("/staff", headers=people.administrator)

    eluard, *_, zola = answer.json()["staff"]
    assert (eluard["last_name"], zola["last_name"]) == ("Éluard", "Zola")
    assert eluard["last_used_at"] is None
    assert zola["last_used_at"] is not None


async def test_an_address_belongs_to_one_account_of_any_kind(people):
    await people.registered(email=EMAIL)
    answer = await people.hire(Role.SELLER, email=EMAIL)
    people.refused(answer, 409, "email_taken", field="email")


async def test_a_disabled_member_is_out_and_can_come_back(people, session):
    member = await people.hired(Role.SELLER, email=EMAIL)
    open_session = await people.session_token(EMAIL)

    answer = await change(people, member, enabled=False)

    assert answer.json()["enabled"] is False
    event = await last_change(session)
    assert (event.enabled, event.version) == (False, 2)
    people.refused(await people.exchange(open_session), 401, "session_ended")
    people.refused(await people.sign_in(EMAIL), 401, "credentials_wrong")

    assert (await change(people, member, enabled=True)).json()["enabled"] is True
    people.refused(await people.exchange(open_session), 401, "session_ended")
    assert (await people.sign_in(EMAIL)).status_code == 201


async def test_another_role_is_that_of_the_next_session(people, session):
    member = await people.hired(Role.SELLER, email=EMAIL)
    await people.hired(Role.ADMINISTRATOR)
    before = await people.session_token(EMAIL)

    await change(people, member, role="administrator")

    event = await last_change(session)
    assert (event.role, event.version) == ("administrator", 2)
    people.refused(await people.exchange(before), 401, "session_ended")
    answer = await people.client.get("/staff", headers=await people.signed_in(EMAIL))
    assert answer.status_code == 200


@pytest.mark.parametrize("loss", [{"enabled": False}, {"role": "technician"}])
async def test_an_administrator_who_is_none_any_more_writes_nothing_with_the_last_token(
    people, session, loss
):
    member = await people.hired(Role.ADMINISTRATOR, email=EMAIL)
    await people.hired(Role.ADMINISTRATOR)
    last = await people.signed_in(EMAIL)
    await change(people, member, **loss)
    announced = len(await published(session))

    for method, path, body in (
        ("PATCH", f"/staff/{member['id']}", {"enabled": True, "role": "administrator"}),
        ("POST", "/staff", {}),
        ("GET", "/staff", None),
        ("POST", "/customers/search", {"text": "Rousseau"}),
        (
            "PUT",
            "/me/password",
            {"current_password": "trois pommes", "new_password": "trois pommes et demie"},
        ),
        ("DELETE", "/sessions", None),
    ):
        answer = await people.client.request(method, path, json=body, headers=last)
        people.refused(answer, 401, "session_ended")
    assert len(await published(session)) == announced


async def test_the_same_again_is_announced_once(people, session):
    member = await people.hired(Role.SELLER)
    for _ in range(2):
        await change(people, member, enabled=False)
    assert (await last_change(session)).version == 2
    assert len(await published(session)) == 2


@pytest.mark.parametrize("wanted", [{"enabled": False}, {"role": "seller"}])
async def test_the_last_administrator_stays(people, session, wanted):
    last = await people.hired(Role.ADMINISTRATOR, email=EMAIL)
    gone = await people.hired(Role.ADMINISTRATOR)
    assert (await change(people, gone, enabled=False)).status_code == 200

    people.refused(await change(people, last, **wanted), 409, "last_administrator")

    assert (await people.sign_in(EMAIL)).json()["account"]["role"] == "administrator"
    assert len(await published(session)) == 3
    await people.hired(Role.ADMINISTRATOR)
    assert (await change(people, last, **wanted)).status_code == 200


async def test_two_administrators_cannot_dismiss_each_other_at_the_same_instant(busy_people):
    people = busy_people
    both = [await people.hired(Role.ADMINISTRATOR) for _ in range(2)]

    answers = await asyncio.gather(*(change(people, one, role="technician") for one in both))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [lost] = [answer for answer in answers if answer.status_code == 409]
    people.refused(lost, 409, "last_administrator")


async def test_a_form_sent_twice_hires_once(people, session):
    body = {
        "first_name": "Karim",
        "last_name": "Benali",
        "email": EMAIL,
        "role": "technician",
        "password": "grenouille sur un vélo",
    }
    headers = people.administrator | {"Idempotency-Key": "form-0001"}
    first, again = [await people.post("/staff", body, headers) for _ in range(2)]
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len(await published(session)) == 1
