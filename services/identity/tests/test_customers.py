"""Staff register customers, look after them, and find them by id."""

import asyncio
from uuid import uuid4

import pytest

from chassis.testing import published, published_again, token
from contracts.identity.events import CustomerChanged, PasswordChanged
from contracts.identity.roles import Role
from identity.operations.accounts import from_tables

PASSWORD = "grenouille sur un vélo"
OTHER_PASSWORD = "trois pommes et demie"
EMAIL = "nathalie@example.org"


async def last_change(session) -> CustomerChanged:
    *_, event = await published(session)
    assert isinstance(event, CustomerChanged)
    return event


async def test_a_registered_customer_can_sign_in_and_is_announced(people, session):
    answer = await people.register(
        first_name="  Nathalie ", last_name="Rousseau", email="Nathalie.R@Example.ORG"
    )

    assert answer.status_code == 201
    customer = answer.json()
    assert customer["first_name"] == "Nathalie"
    assert customer["email"] == "Nathalie.R@example.org"
    assert customer["version"] == 1
    [event] = await published(session)
    assert isinstance(event, CustomerChanged)
    assert str(event.customer_id) == customer["id"]
    assert (event.first_name, event.last_name) == ("Nathalie", "Rousseau")
    assert (event.email, event.enabled, event.version) == ("Nathalie.R@example.org", True, 1)
    assert (await people.sign_in("nathalie.r@example.org")).status_code == 201


async def test_an_address_belongs_to_one_customer_whom_staff_get_to_know(people, session):
    customer = await people.registered(email=EMAIL)

    answer = await people.register(first_name="Autre", email="NATHALIE@example.org")

    problem = people.refused(answer, 409, "email_taken", field="email")
    assert problem["code"] == "email_taken"
    assert problem["context"] == {
        "customer_id": customer["id"],
        "first_name": "Nathalie",
        "last_name": "Rousseau",
    }
    assert len(await published(session)) == 1


async def test_an_address_of_staff_is_taken_without_saying_whose(people):
    await people.hired(Role.SELLER, email="julien@example.org")
    answer = await people.register(email="julien@example.org")
    assert people.refused(answer, 409, "email_taken")["context"] == {}


async def test_two_registrations_of_one_address_at_the_same_instant(busy_people):
    email = f"{uuid4()}@example.org"
    answers = await asyncio.gather(*(busy_people.register(email=email) for _ in range(2)))

    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert won.status_code == 201
    problem = busy_people.refused(lost, 409, "email_taken", field="email")
    assert problem["context"]["customer_id"] == won.json()["id"]


async def test_a_form_sent_twice_registers_once(people, session):
    email = f"{uuid4()}@example.org"
    first = await people.register(key="form-0001", email=email)
    again = await people.register(key="form-0001", email=email)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len(await published(session)) == 1
    other = await people.register(key="form-0001", email=email, first_name="Autre")
    people.refused(other, 422, "idempotency_key_reused")


async def test_a_form_sent_twice_at_the_same_instant_registers_once(busy_people):
    email, key = f"{uuid4()}@example.org", str(uuid4())
    answers = await asyncio.gather(*(busy_people.register(key=key, email=email) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_only_staff_see_and_register_customers(people):
    customer = await people.registered()
    for colleague in people.staff:
        answer = await people.client.get(f"/customers/{customer['id']}", headers=colleague)
        assert answer.json() == customer
    outsider = token(Role.CUSTOMER)
    for method, path in (
        ("POST", "/customers"),
        ("POST", "/customers/search"),
        ("POST", "/customers/email-check"),
        ("GET", f"/customers?id={customer['id']}"),
        ("GET", f"/customers/{customer['id']}"),
        ("PATCH", f"/customers/{customer['id']}"),
        ("PUT", f"/customers/{customer['id']}/password"),
    ):
        answer = await people.client.request(method, path, headers=outsider, json={})
        people.refused(answer, 403, "forbidden")
        people.refused(await people.client.request(method, path, json={}), 401, "unauthenticated")


async def test_several_customers_are_read_at_once_by_name(people):
    martin = await people.registered(last_name="Martin")
    durand = await people.registered(last_name="Durand")
    member = await people.hired(Role.SELLER)
    ids = [martin["id"], durand["id"], member["id"], str(uuid4())]

    answer = await people.client.get("/customers", params={"id": ids}, headers=people.seller)

    assert answer.json() == {"customers": [durand, martin], "count": 2, "next": None}
    too_many = {"id": [str(uuid4()) for _ in range(51)]}
    answer = await people.client.get("/customers", params=too_many, headers=people.seller)
    people.refused(answer, 422, "too_long", field="id")


async def test_staff_are_not_customers(people):
    member = await people.hired(Role.SELLER)
    for answer in (
        await people.client.get(f"/customers/{member['id']}", headers=people.seller),
        await people.client.patch(
            f"/customers/{member['id']}", json={"first_name": "X"}, headers=people.seller
        ),
        await people.client.put(
            f"/customers/{member['id']}/password",
            json={"password": OTHER_PASSWORD},
            headers=people.seller,
        ),
    ):
        people.refused(answer, 404, "customer_unknown")


async def test_a_change_is_announced_with_the_next_version(people, session):
    customer = await people.registered(email=EMAIL)
    path = f"/customers/{customer['id']}"

    change = {"last_name": "Leroy", "email": "n.leroy@example.org"}
    answer = await people.client.patch(path, json=change, headers=people.seller)

    assert answer.json() == customer | change | {"version": 2}
    event = await last_change(session)
    assert (event.version, event.last_name, event.email) == (2, "Leroy", "n.leroy@example.org")
    assert event.first_name == "Nathalie"
    people.refused(await people.sign_in(EMAIL), 401, "credentials_wrong")
    assert (await people.sign_in("n.leroy@example.org")).status_code == 201


async def test_what_is_the_same_is_no_change(people, session):
    customer = await people.registered(email=EMAIL)
    path = f"/customers/{customer['id']}"
    for same in ({}, {"first_name": "Nathalie"}, {"email": EMAIL, "last_name": None}):
        answer = await people.client.patch(path, json=same, headers=people.seller)
        assert answer.json() == customer
    assert len(await published(session)) == 1


async def test_a_customer_cannot_be_given_the_address_of_another(people):
    marc = await people.registered(email="marc@example.org", first_name="Marc")
    nathalie = await people.registered(email=EMAIL)

    answer = await people.client.patch(
        f"/customers/{nathalie['id']}", json={"email": "MARC@example.org"}, headers=people.seller
    )

    problem = people.refused(answer, 409, "email_taken", field="email")
    assert problem["context"]["customer_id"] == marc["id"]
    answer = await people.client.get(f"/customers/{nathalie['id']}", headers=people.seller)
    assert answer.json() == nathalie


async def test_a_password_chosen_at_the_counter_ends_sessions_and_waits(people, session):
    customer = await people.registered(email=EMAIL, last_name="Zborowska")
    before = await people.session_token(EMAIL)
    for _ in range(5):
        await people.sign_in(EMAIL, "oublié, je ne sais plus")
    path = f"/customers/{customer['id']}/password"

    for guessed in ("nathalie-2026", "zborowska-2026"):
        common = await people.client.put(path, json={"password": guessed}, headers=people.seller)
        people.refused(common, 422, "password_too_common", field="password")
    answer = await people.client.put(path, json={"password": OTHER_PASSWORD}, headers=people.seller)

    assert answer.status_code == 204
    people.refused(await people.exchange(before), 401, "session_ended")
    people.refused(await people.sign_in(EMAIL, PASSWORD), 401, "credentials_wrong")
    assert (await people.sign_in(EMAIL, OTHER_PASSWORD)).status_code == 201
    _, event = await published(session)
    assert isinstance(event, PasswordChanged)  # that it changed is told, never what it is
    assert OTHER_PASSWORD not in event.model_dump_json()
    assert not event.first
    assert str(event.account_id) == customer["id"]


async def test_staff_learn_whether_an_address_is_taken(people):
    customer = await people.registered(email=EMAIL)
    await people.hired(Role.SELLER, email="julien@example.org")

    async def check(email: str) -> dict[str, object]:
        return (await people.post("/customers/email-check", {"email": email}, people.seller)).json()

    assert await check("Nathalie@example.org") == {
        "taken": True,
        "customer": customer,
        "suggestion": None,
    }
    assert await check("julien@example.org") == {
        "taken": True,
        "customer": None,
        "suggestion": None,
    }
    assert await check("jeanne@gmial.com") == {
        "taken": False,
        "customer": None,
        "suggestion": "jeanne@gmail.com",
    }


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("GMAIL.CO", "gmail.com"),
        ("gmail.fr", "gmail.com"),
        ("hotmial.fr", "hotmail.fr"),
        ("wandoo.fr", "wanadoo.fr"),
        ("orage.fr", "orange.fr"),
        ("laposte.fr", "laposte.net"),
        ("yaho.fr", "yahoo.fr"),
        ("icloud.fr", "icloud.com"),
        ("gmail.com", None),
        ("free.fr", None),
        ("mairie-lyon.fr", None),
        ("example.org", None),
    ],
)
async def test_slips_in_domains_are_questioned(people, domain, meant):
    body = {"email": f"Jeanne.D@{domain}"}
    answer = await people.post("/customers/email-check", body, people.seller)
    assert answer.json()["suggestion"] == (meant and f"Jeanne.D@{meant}")


async def test_events_deleted_from_the_outbox_are_rebuilt_from_the_table(people, session):
    """The state that an account has now; neither passwords nor links."""
    await people.register(email=EMAIL)
    before = await last_change(session)
    again = [
        event
        for event in await published_again(session, from_tables)
        if isinstance(event, CustomerChanged) and event.customer_id == before.customer_id
    ]
    assert [event.model_copy(update={"changed_at": None}) for event in again] == [
        before.model_copy(update={"changed_at": None})
    ]
