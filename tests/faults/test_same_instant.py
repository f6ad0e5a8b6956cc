"""Two people do the same thing at the same instant: one of them does it."""

import asyncio

from shop import new_request, new_sale, serial_number
from waiting import eventually

TIMES = 8


async def test_two_sellers_at_the_same_instant_sell_one_unit_once(
    shop, seller, technician, customer, product
):
    other = await shop.register("Marc", "Rousseau")
    for _ in range(TIMES):
        serial = serial_number()
        answers = await asyncio.gather(
            seller.call("POST", "/api/sales", new_sale(customer, product, serial_number=serial)),
            technician.call("POST", "/api/sales", new_sale(other, product, serial_number=serial)),
        )

        made, refused = sorted(answers, key=lambda answer: answer.status_code)
        assert (made.status_code, refused.status_code) == (201, 409), refused.text
        problem = refused.json()
        assert problem["code"] == "serial_number_already_sold"
        assert problem["errors"][0]["field"] == "serial_number"
        assert problem["context"]["sale_id"] == made.json()["id"]


async def test_a_double_click_records_one_sale(seller, customer, product):
    sale = new_sale(customer, product)
    answers = await asyncio.gather(
        *(seller.call("POST", "/api/sales", sale, key=sale["serial_number"]) for _ in range(4))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_double_click_opens_one_request(shop, seller, customer, product):
    sale = await shop.sell(customer, product, seller=seller)

    async def is_known() -> None:
        assert (await customer.get("/api/tickets/owned-products"))["owned_products"]

    await eventually(is_known)
    request = new_request(sale["id"])
    answers = await asyncio.gather(
        *(customer.call("POST", "/api/tickets", request, key=sale["id"]) for _ in range(4))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["number"] for answer in answers}) == 1
    assert len((await customer.get("/api/tickets/mine"))["tickets"]) == 1


async def test_two_people_who_resolve_at_the_same_instant_resolve_once(
    shop, seller, technician, customer, product
):
    sale = await shop.sell(customer, product, seller=seller)

    async def opens() -> dict:
        answer = await customer.call("POST", "/api/tickets", new_request(sale["id"]))
        assert answer.status_code == 201, answer.text
        return answer.json()

    request = await eventually(opens)
    path = f"/api/tickets/{request['number']}/resolution"
    answers = await asyncio.gather(customer.call("POST", path), technician.call("POST", path))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [refused] = [answer for answer in answers if answer.status_code == 409]
    assert refused.json()["code"] == "ticket_resolved"


async def test_two_counters_that_create_the_same_customer_create_one(shop, seller, technician):
    new = shop.somebody("Élodie", "Marchand")
    body = {
        "first_name": new.first_name,
        "last_name": new.last_name,
        "email": new.email,
        "password": new.password,
    }
    answers = await asyncio.gather(
        seller.call("POST", "/api/identity/customers", body),
        technician.call("POST", "/api/identity/customers", {**body, "email": new.email.upper()}),
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    [refused] = [answer for answer in answers if answer.status_code == 409]
    assert refused.json()["errors"][0]["field"] == "email"
