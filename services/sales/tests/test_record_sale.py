"""Recording a sale, and every reason for which it is refused."""

from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from chassis.testing import published, token
from contracts.identity.roles import Role
from contracts.sales.api import years_before
from contracts.sales.events import SaleRecorded
from sales.models import Sale

SELLER = token(Role.SELLER, name="Awa Diallo")
PARIS = ZoneInfo("Europe/Paris")


async def record(client, sale, headers=SELLER, **more):
    return await client.post("/api/sales", json=sale, headers=headers | more)


def refused(answer, status, code, field):
    """The answer is this problem, about this field; returns what it tells besides."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    return error["context"]


# --- What is recorded -------------------------------------------------------------------------


async def test_a_recorded_sale_is_answered_whole(client, shop):
    answer = await record(client, shop.sale(serial_number=" sn4x8820193kq7l "))

    assert answer.status_code == 201, answer.text
    sale = answer.json()
    assert sale["number"].startswith(f"V-{datetime.now(PARIS).year}-")
    assert sale["customer_id"] == str(shop.customer_id)
    assert sale["seller_name"] == "Awa Diallo"
    assert sale["product"] == {
        "id": str(shop.product_id),
        "reference": f"REF-{shop.product_id}",
        "designation": "Perceuse à percussion 18 V",
    }
    assert sale["serial_number"] == "SN4X8820193KQ7L"
    assert sale["sold_on"] == "2026-11-02"
    assert sale["recorded_at"].endswith("Z")
    assert sale["cancelled_at"] is None


async def test_a_recorded_sale_is_announced(client, shop, session):
    answer = await record(client, shop.sale())

    [event] = await published(session)
    assert isinstance(event, SaleRecorded)
    assert str(event.sale_id) == answer.json()["id"]
    assert event.version == 1
    assert event.customer_id == shop.customer_id
    assert event.product.id == shop.product_id
    assert event.serial_number == "SN4X8820193KQ7L"


async def test_a_sale_keeps_the_product_as_it_was_sold(client, shop):
    sale = (await record(client, shop.sale())).json()
    await shop.hears_of_product(version=2, designation="Perceuse renommée")

    again = await client.get(f"/api/sales/{sale['id']}", headers=SELLER)
    assert again.json()["product"]["designation"] == "Perceuse à percussion 18 V"


async def test_numbers_for_people_follow_each_other(client, shop):
    numbers = [
        (await record(client, shop.sale(serial_number=f"SN000000000000{n}"))).json()["number"]
        for n in range(3)
    ]
    ordinals = [int(number.rsplit("-", 1)[1]) for number in numbers]
    assert ordinals == [ordinals[0], ordinals[0] + 1, ordinals[0] + 2]
    assert all(len(number.rsplit("-", 1)[1]) == 5 for number in numbers)


@pytest.mark.parametrize("role", [Role.SELLER, Role.TECHNICIAN, Role.ADMINISTRATOR])
async def test_all_staff_may_record_a_sale(client, shop, role):
    assert (await record(client, shop.sale(), token(role))).status_code == 201


async def test_a_customer_may_not_record_a_sale(client, shop, session):
    own = token(Role.CUSTOMER, shop.customer_id)
    answer = await record(client, shop.sale(), own)

    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"
    assert await published(session) == []


async def test_a_stranger_may_not_record_a_sale(client, shop):
    answer = await client.post("/api/sales", json=shop.sale())
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


# --- Said again -------------------------------------------------------------------------------


async def test_a_repeated_request_is_answered_with_the_same_sale(client, shop, session):
    key = {"Idempotency-Key": str(uuid4())}
    first = await record(client, shop.sale(), SELLER, **key)
    again = await record(client, shop.sale(), SELLER, **key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert len(await published(session)) == 1


async def test_a_key_goes_with_one_body(client, shop):
    key = {"Idempotency-Key": str(uuid4())}
    await record(client, shop.sale(), SELLER, **key)
    other = await record(client, shop.sale(serial_number="SN0000000000001"), SELLER, **key)

    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"


async def test_a_refused_sale_does_not_use_up_its_key(client, shop):
    key = {"Idempotency-Key": str(uuid4())}
    late = shop.sale(sold_on="2999-01-01")
    assert (await record(client, late, SELLER, **key)).status_code == 422

    assert (await record(client, shop.sale(), SELLER, **key)).status_code == 201


# --- The unit ---------------------------------------------------------------------------------


async def test_a_unit_is_sold_once_and_the_refusal_says_to_whom(client, shop, session):
    first = (await record(client, shop.sale())).json()
    answer = await record(client, shop.sale(serial_number="sn4x8820193kq7l"), token(Role.SELLER))

    received = refused(answer, 409, "serial_number_already_sold", "serial_number")
    assert answer.json()["code"] == "serial_number_already_sold"
    assert (received["sale_id"], received["sold_on"]) == (first["id"], "2026-11-02")
    assert received["customer_id"] == str(shop.customer_id)
    assert received["seller_name"] == "Awa Diallo"
    assert len(await published(session)) == 1


async def test_another_product_may_bear_the_same_serial_number(client, shop):
    await record(client, shop.sale())
    shop.product_id = uuid4()
    await shop.hears_of_product()

    assert (await record(client, shop.sale())).status_code == 201


@pytest.mark.parametrize(
    ("typed", "code", "expected"),
    [
        ("SN4X8820193KQ7", "serial_number_length", {"length": 14}),
        ("SN4X8820193KQ7LL", "serial_number_length", {"length": 16}),
        ("", "serial_number_length", {"length": 0}),
        ("   ", "serial_number_length", {"length": 0}),
        ("SN4X882019éKQ7L", "serial_number_character", {"position": 11, "character": "é"}),
        ("SN4X882019ßKQ7L", "serial_number_character", {"position": 11, "character": "ß"}),
        ("SN4X882019ıKQ7L", "serial_number_character", {"position": 11, "character": "ı"}),
        ("SN4X882０193KQ7L", "serial_number_character", {"position": 8, "character": "０"}),
        ("SN4X8820 93KQ7L", "serial_number_character", {"position": 9, "character": " "}),
        ("SN4X8820\x00193KQ7", "text_nul", {}),
        ("SN4X-8820-193KQ", "serial_number_character", {"position": 5, "character": "-"}),
    ],
)
async def test_a_wrong_serial_number_is_refused(client, shop, typed, code, expected):
    answer = await record(client, shop.sale(serial_number=typed))
    assert refused(answer, 422, code, "serial_number") == expected


async def test_a_refused_body_writes_nothing(client, shop, session):
    await record(client, shop.sale(serial_number="SN"))
    assert await session.scalar(select(func.count()).select_from(Sale)) == 0
    assert await published(session) == []


@pytest.mark.parametrize("typed", ["\\ud800", "SN4X8820\\udfff93KQ7L"])
async def test_a_lone_surrogate_is_refused_and_answered(client, shop, typed):
    body = (
        f'{{"customer_id": "{shop.customer_id}", "product_id": "{shop.product_id}",'
        f' "serial_number": "{typed}", "sold_on": "2026-11-02"}}'
    )
    answer = await client.post(
        "/api/sales", content=body, headers=SELLER | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["serial_number"]


# --- The day ----------------------------------------------------------------------------------


async def test_today_is_a_good_day_in_the_shops_zone(client, shop):
    today = datetime.now(PARIS).date()
    assert (await record(client, shop.sale(sold_on=today.isoformat()))).status_code == 201


async def test_tomorrow_is_refused(client, shop, session):
    today = datetime.now(PARIS).date()
    tomorrow = (today + timedelta(days=1)).isoformat()

    received = refused(
        await record(client, shop.sale(sold_on=tomorrow)), 422, "sold_on_in_future", "sold_on"
    )
    assert received == {"today": today.isoformat()}
    assert await published(session) == []


async def test_ten_years_ago_is_the_earliest_day(client, shop, session):
    oldest = years_before(datetime.now(PARIS).date(), 10)
    day_before = (oldest - timedelta(days=1)).isoformat()

    received = refused(
        await record(client, shop.sale(sold_on=day_before)), 422, "sold_on_too_long_ago", "sold_on"
    )
    assert received == {"oldest": oldest.isoformat()}
    assert await published(session) == []
    assert (await record(client, shop.sale(sold_on=oldest.isoformat()))).status_code == 201


@pytest.mark.parametrize(
    "typed", ["hier", "31/02/2026", "2026-02-31", "2026-13-01", "86400", 86400, 1.5, True]
)
async def test_an_unreadable_day_is_refused(client, shop, typed):
    refused(await record(client, shop.sale(sold_on=typed)), 422, "date_unreadable", "sold_on")


async def test_an_empty_day_is_missing(client, shop):
    refused(await record(client, shop.sale(sold_on="")), 422, "text_empty", "sold_on")


# --- The customer and the product -------------------------------------------------------------


async def test_an_unknown_customer_is_refused(client, shop, session):
    answer = await record(client, shop.sale(customer_id=str(uuid4())))
    refused(answer, 422, "customer_unknown", "customer_id")
    assert await published(session) == []


async def test_a_disabled_customer_is_refused(client, shop):
    await shop.hears_of_customer(version=2, enabled=False)
    refused(await record(client, shop.sale()), 409, "customer_disabled", "customer_id")


async def test_an_unknown_product_is_refused(client, shop):
    answer = await record(client, shop.sale(product_id=str(uuid4())))
    refused(answer, 422, "product_unknown", "product_id")


async def test_a_withdrawn_product_is_refused_until_confirmed(client, shop):
    await shop.hears_of_product(version=2, on_sale=False)
    refused(await record(client, shop.sale()), 409, "product_withdrawn", "product_id")

    confirmed = shop.sale(withdrawn_confirmed=True)
    assert (await record(client, confirmed)).status_code == 201


@pytest.mark.parametrize("name", ["customer_id", "product_id", "serial_number", "sold_on"])
async def test_everything_that_makes_a_sale_is_required(client, shop, name):
    sale = shop.sale()
    del sale[name]
    refused(await record(client, sale), 422, "required", name)


@pytest.mark.parametrize("name", ["price", "recorded_at", "cancelled_at", "number"])
async def test_a_field_that_no_caller_may_give_is_refused(client, shop, session, name):
    answer = await record(client, shop.sale(**{name: "2026-11-02T10:42:00Z"}))
    refused(answer, 422, "extra_forbidden", name)
    assert await published(session) == []


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff", b'"text"'])
async def test_a_body_that_is_no_sale_is_refused(client, body):
    headers = SELLER | {"Content-Type": "application/json"}
    answer = await client.post("/api/sales", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"unreadable", "invalid"}
