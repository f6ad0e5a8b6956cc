"""What everyone changes about their own account."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from chassis.testing import published
from contracts.identity.events import CustomerChanged
from contracts.identity.roles import Role
from identity.models import Account, Slowdown
from identity.operations import accounts

PASSWORD = "grenouille sur un vélo"
OTHER_PASSWORD = "trois pommes et demie"
EMAIL = "nathalie@example.org"


async def last_change(session) -> CustomerChanged:
    *_, event = await published(session)
    assert isinstance(event, CustomerChanged)
    return event


async def change_password(people, me, current=PASSWORD, new=OTHER_PASSWORD):
    body = {"current_password": current, "new_password": new}
    return await people.client.put("/me/password", json=body, headers=me)


async def change_email(people, me, email, current=PASSWORD):
    body = {"current_password": current, "email": email}
    return await people.client.put("/me/email", json=body, headers=me)


@pytest.mark.parametrize("role", Role)
async def test_everyone_changes_their_own_password_and_other_sessions_end(people, role):
    if role == Role.CUSTOMER:
        await people.registered(email=EMAIL)
    else:
        await people.hired(role, email=EMAIL)
    other = await people.session_token(EMAIL)
    mine = await people.session_token(EMAIL)
    access = (await people.exchange(mine)).json()["access_token"]

    answer = await change_password(people, {"Authorization": f"Bearer {access}"})

    assert answer.status_code == 204
    people.refused(await people.exchange(other), 401, "session_ended")
    assert (await people.exchange(mine)).status_code == 200
    people.refused(await people.sign_in(EMAIL), 401, "credentials_wrong")
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201


async def test_a_wrong_current_password_changes_nothing_and_is_slowed_down(people):
    await people.registered(email=EMAIL)
    other = await people.session_token(EMAIL)
    me = await people.signed_in(EMAIL)

    for _ in range(5):
        answer = await change_password(people, me, current="pas le bon du tout")
        people.refused(answer, 422, "current_password_wrong", field="current_password")

    answer = await change_password(people, me)
    people.refused(answer, 429, "too_many_attempts")
    assert int(answer.headers["retry-after"]) > 0
    # Only that session waits: whoever has it locks nobody out.
    elsewhere = await people.signed_in(EMAIL)
    answer = await change_password(people, elsewhere, current="pas le bon du tout")
    people.refused(answer, 422, "current_password_wrong", field="current_password")
    assert (await people.sign_in(EMAIL)).status_code == 201
    assert (await people.exchange(other)).status_code == 200


async def test_a_password_proven_before_somebody_changed_it_proves_nothing(people, session):
    customer = await people.registered(email=EMAIL)
    account = await session.get(Account, UUID(customer["id"]))
    assert await accounts.still(session, account) is account
    for id, password_hash in ((account.id, "another"), (uuid4(), account.password_hash)):
        authenticated = Account(
            id=id,
            role=account.role,
            first_name=account.first_name,
            last_name=account.last_name,
            email=account.email,
            password_hash=password_hash,
            registered_at=account.registered_at,
        )
        with pytest.raises(accounts.CurrentPasswordWrong):
            await accounts.still(session, authenticated)


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("onze lettre", "password_too_short"),
        ("é" * 257, "password_too_long"),
        ("password1234", "password_too_common"),
        ("Rousseau 2026", "password_too_common"),
        ("douze\0lettres", "text_nul"),
    ],
)
async def test_a_bad_new_password_is_refused_beside_its_field(people, new, code):
    await people.registered(email=EMAIL)
    me = await people.signed_in(EMAIL)

    answer = await change_password(people, me, new=new)

    people.refused(answer, 422, code, field="new_password")
    assert (await people.sign_in(EMAIL)).status_code == 201


async def test_a_customer_signs_in_with_the_new_address_from_then_on(people, session):
    customer = await people.registered(email=EMAIL)
    me = await people.signed_in(EMAIL)

    answer = await change_email(people, me, "N.Rousseau@Example.org")

    assert answer.json()["email"] == "N.Rousseau@example.org"
    event = await last_change(session)
    assert str(event.customer_id) == customer["id"]
    assert (event.email, event.version) == ("N.Rousseau@example.org", 2)
    people.refused(await people.sign_in(EMAIL), 401, "credentials_wrong")
    assert (await people.sign_in("n.rousseau@example.org")).status_code == 201
    assert (await people.client.get("/me", headers=me)).json()["email"] == event.email


async def test_an_address_taken_says_nothing_about_its_owner(people, session):
    await people.registered(email="marc@example.org", first_name="Marc")
    await people.registered(email=EMAIL)
    me = await people.signed_in(EMAIL)

    answer = await change_email(people, me, "Marc@Example.org")

    problem = people.refused(answer, 409, "email_taken", field="email")
    assert problem["context"] == {}
    assert (await people.client.get("/me", headers=me)).json()["email"] == EMAIL
    assert len(await published(session)) == 2


async def test_who_has_an_account_is_not_found_out_by_trying_addresses(people, later):
    """Without mail an answer tells whether somebody has the address: five, then waits."""
    await people.registered(email="marc@example.org")
    await people.registered(email=EMAIL)
    for number in range(5):
        me = await people.signed_in(EMAIL)  # another session gains nothing
        taken = number % 2
        answer = await change_email(people, me, "marc@example.org" if taken else EMAIL)
        assert answer.status_code == (409 if taken else 200)

    answer = await change_email(people, me, "marc@example.org")

    people.refused(answer, 429, "too_many_attempts")
    assert 0 < int(answer.headers["Retry-After"]) <= 30
    await later(Slowdown, "last_failed_at", timedelta(seconds=31))
    people.refused(await change_email(people, me, "marc@example.org"), 409, "email_taken")
    people.refused(await change_email(people, me, "marc@example.org"), 429, "too_many_attempts")


async def test_without_the_password_nobody_learns_whether_an_address_is_taken(people):
    await people.registered(email="marc@example.org")
    await people.registered(email=EMAIL)
    me = await people.signed_in(EMAIL)
    for email in ("marc@example.org", "personne@example.org"):
        answer = await change_email(people, me, email, current="pas le bon du tout")
        people.refused(answer, 422, "current_password_wrong", field="current_password")


async def test_an_address_written_another_way_is_a_change_too(people):
    await people.registered(email=EMAIL)
    me = await people.signed_in(EMAIL)
    assert (await change_email(people, me, "NATHALIE@example.org")).status_code == 200
    assert (await people.sign_in(EMAIL)).status_code == 201


async def test_staff_do_not_change_their_own_address(people):
    await people.hired(Role.SELLER, email=EMAIL)
    me = await people.signed_in(EMAIL)
    people.refused(await change_email(people, me, "autre@example.org"), 403, "forbidden")


async def test_everyone_sees_their_own_account(people):
    member = await people.hired(Role.TECHNICIAN, email=EMAIL, first_name="Karim")
    account = (await people.client.get("/me", headers=await people.signed_in(EMAIL))).json()
    assert account["id"] == member["id"]
    assert (account["first_name"], account["last_name"]) == ("Karim", "Rousseau")
    assert (account["email"], account["role"]) == (EMAIL, "technician")
    people.refused(await people.client.get("/me"), 401, "unauthenticated")


# --- Language ---------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.SELLER])
async def test_everyone_chooses_a_language_which_tokens_and_events_tell(people, session, role):
    if role == Role.CUSTOMER:
        await people.registered(email=EMAIL)
    else:
        await people.hired(role, email=EMAIL)
    mine = await people.session_token(EMAIL)

    async def token() -> tuple[dict[str, str], dict[str, Any]]:
        access = (await people.exchange(mine)).json()["access_token"]
        claims = jwt.decode(access, options={"verify_signature": False})
        return {"Authorization": f"Bearer {access}"}, claims

    me, before = await token()
    assert "locale" not in before
    for _ in range(2):
        answer = await people.client.put("/me/language", json={"language": "en"}, headers=me)
        assert answer.status_code == 204
    me, after = await token()
    assert after["locale"] == "en"
    assert (await people.client.get("/me", headers=me)).json()["language"] == "en"
    announced = [event.language for event in await published(session) if hasattr(event, "language")]
    assert announced == [None, "en"]  # the second choice changes nothing

    await people.client.put("/me/language", json={"language": None}, headers=me)
    assert "locale" not in (await token())[1]
    for wrong in ("English", "en-GB", "", 5):
        answer = await people.client.put("/me/language", json={"language": wrong}, headers=me)
        assert answer.status_code == 422
