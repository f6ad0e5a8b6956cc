"""Who owns what, and what people are called: learned from events, in whatever order."""

import itertools
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from sqlalchemy import select

from chassis.testing import wrap
from contracts.identity.events import CustomerChanged, StaffMemberChanged
from contracts.identity.roles import Role
from tickets.models import OwnedProduct, Person


async def owned(desk, who, **parameters):
    answer = await desk.get(who, "/owned-products", **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["owned_products"]


async def test_a_customer_sees_what_they_bought_newest_purchase_first(desk, nathalie, marc):
    old = await desk.sell(nathalie, sold_on=date(2026, 1, 5))
    new = await desk.sell(nathalie, sold_on=date(2026, 11, 20))
    await desk.sell(marc)

    products = await owned(desk, nathalie)
    assert [product["sale_id"] for product in products] == [str(new.sale_id), str(old.sale_id)]
    assert products[0]["designation"] == "Imprimante HP LaserJet 4103dw"
    assert products[0]["serial_number"] == "PHBQ74K2M910XTD"
    assert (products[0]["sold_on"], products[0]["cancelled"]) == ("2026-11-20", False)


async def test_pages_of_products_give_everything_once(desk, nathalie):
    sales = [await desk.sell(nathalie, sold_on=date(2026, 1, 1 + n % 3)) for n in range(11)]
    found, after = [], None
    while True:
        page = (
            await desk.get(
                nathalie, "/owned-products", limit=2, **({"after": after} if after else {})
            )
        ).json()
        found += [product["sale_id"] for product in page["owned_products"]]
        if (after := page["next"]) is None:
            break
    assert sorted(found) == sorted(str(sale.sale_id) for sale in sales)


async def test_a_sale_received_twice_counts_once(desk, nathalie):
    envelope = wrap(desk.sale(nathalie))
    assert await desk.receive(envelope) == 1
    assert await desk.receive(envelope) == 0
    assert len(await owned(desk, nathalie)) == 1


async def test_a_sale_published_again_under_another_id_counts_once(desk, nathalie):
    sale = desk.sale(nathalie)
    assert await desk.receive(sale, sale) == 2
    assert len(await owned(desk, nathalie)) == 1


@pytest.mark.parametrize(
    "order", sorted(set(itertools.permutations(["sale", "sale", "cancellation"])))
)
async def test_a_cancelled_sale_ends_cancelled_in_whatever_order(desk, session, nathalie, order):
    sale = desk.sale(nathalie)
    fields = {"sale": sale, "cancellation": desk.cancellation(sale)}
    for name in order:
        await desk.receive(fields[name])

    assert await owned(desk, nathalie) == []
    product = await session.scalar(select(OwnedProduct).filter_by(sale_id=sale.sale_id))
    assert (product.cancelled, product.version) == (True, 2)
    assert product.sold_on == sale.sold_on


async def test_a_cancellation_alone_gives_nothing_to_own(desk, nathalie):
    sale = desk.sale(nathalie)
    await desk.receive(desk.cancellation(sale))
    assert await owned(desk, nathalie) == []
    assert (await desk.open(nathalie, sale)).json()["code"] == "sale_cancelled"


def customer_changed(someone, version, **names):
    fields = {"first_name": "Nathalie", "last_name": "Rousseau", "email": "n@example.org"} | names
    return CustomerChanged(
        customer_id=someone.id,
        version=version,
        enabled=True,
        registered_at=datetime.now(UTC),
        **fields,
    )


async def test_a_customer_not_yet_known_is_named_by_their_token(desk, session, nathalie, karim):
    await desk.opened(nathalie)
    [line] = (await desk.get(karim, "", view="open")).json()["tickets"]
    assert line["customer_name"] == "Nathalie Rousseau"
    person = await session.get(Person, nathalie.id)
    assert (person.kind, person.version, person.email) == ("customer", 0, None)


async def test_a_change_of_name_reaches_the_lists(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.receive(customer_changed(nathalie, 1, last_name="Rousseau-Petit"))

    [line] = (await desk.get(karim, "", view="open")).json()["tickets"]
    assert line["customer_name"] == "Nathalie Rousseau-Petit"
    assert (await desk.read(karim, number))["ticket"]["customer_name"] == "Nathalie Rousseau-Petit"


async def test_the_name_in_a_token_never_replaces_that_of_identitys_events(desk, session, someone):
    nathalie = someone(Role.CUSTOMER, "Ancien Nom")
    await desk.receive(customer_changed(nathalie, 3))
    await desk.opened(nathalie)
    person = await session.get(Person, nathalie.id)
    assert (person.name, person.version) == ("Nathalie Rousseau", 3)


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
async def test_the_newest_state_of_a_person_wins_in_whatever_order(session, desk, nathalie, order):
    for version in order:
        await desk.receive(customer_changed(nathalie, version, email=f"n{version}@example.org"))
    person = await session.get(Person, nathalie.id)
    assert (person.email, person.version) == ("n3@example.org", 3)


async def test_staff_members_are_known_too(session, desk):
    received = StaffMemberChanged(
        staff_member_id=uuid4(),
        version=1,
        first_name="Karim",
        last_name="Benali",
        email="karim@example.org",
        role=Role.TECHNICIAN,
        enabled=True,
    )
    assert await desk.receive(received) == 1
    person = await session.get(Person, received.staff_member_id)
    assert (person.kind, person.name, person.version) == ("staff", "Karim Benali", 1)
