"""Who sees which sales, in which order."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from chassis.http import paging
from chassis.testing import token
from contracts.identity.roles import Role
from sales.models import Sale

SELLER_ID = uuid4()
SELLER = token(Role.SELLER, SELLER_ID)


def serial(n):
    return f"SN{n:013}"


@pytest.fixture
def sell(client, shop):
    async def sell(n, headers=SELLER, **changes):
        body = shop.sale(**{"serial_number": serial(n)} | changes)
        answer = await client.post("/api/sales", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return sell


@pytest.fixture
def read(client):
    async def read(path, headers=SELLER, **parameters):
        answer = await client.get(f"/api/sales{path}", headers=headers, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return read


async def cancel(client, sale):
    await client.post(
        f"/api/sales/{sale['id']}/cancellation", json={"reason": "erreur"}, headers=SELLER
    )


# --- One sale ---------------------------------------------------------------------------------


async def test_staff_see_any_sale(sell, read):
    sale = await sell(1)
    assert await read(f"/{sale['id']}", token(Role.TECHNICIAN)) == sale


async def test_customers_see_what_they_bought(sell, read, shop):
    sale = await sell(1)
    assert await read(f"/{sale['id']}", token(Role.CUSTOMER, shop.customer_id)) == sale


async def test_customers_do_not_see_what_others_bought(client, sell):
    sale = await sell(1)
    answer = await client.get(f"/api/sales/{sale['id']}", headers=token(Role.CUSTOMER))
    assert answer.status_code == 404
    assert answer.json()["code"] == "sale_unknown"


async def test_a_cancelled_sale_is_for_staff_alone(client, sell, read, shop):
    sale = await sell(1)
    await cancel(client, sale)

    own = token(Role.CUSTOMER, shop.customer_id)
    assert (await client.get(f"/api/sales/{sale['id']}", headers=own)).status_code == 404
    assert (await read(f"/{sale['id']}"))["cancellation_reason"] == "erreur"


async def test_a_stranger_sees_nothing(client):
    for path in (f"/{uuid4()}", "", "/mine", "/purchase-counts"):
        assert (await client.get(f"/api/sales{path}")).status_code == 401


# --- Lists ------------------------------------------------------------------------------------


async def test_pages_hold_every_sale_once_newest_first(sell, read):
    sold = [(await sell(n))["id"] for n in range(7)]

    seen, after = [], {}
    while True:
        page = await read("", limit=3, **after)
        seen += [sale["id"] for sale in page["sales"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}

    assert seen == sold[::-1]


async def test_a_sale_recorded_meanwhile_moves_nothing_on_the_next_page(sell, read):
    sold = [(await sell(n))["id"] for n in range(4)]
    first = await read("", limit=2)
    await sell(9)

    second = await read("", limit=2, after=first["next"])
    assert [sale["id"] for sale in second["sales"]] == [sold[1], sold[0]]


async def test_the_sales_of_one_customer_hold_the_cancelled_ones(client, sell, read, shop):
    sale = await sell(1)
    await cancel(client, sale)
    other = uuid4()
    await shop.hears_of_customer()
    shop.customer_id, mine = other, shop.customer_id
    await shop.hears_of_customer()
    await sell(2)

    page = await read("", customer_id=mine)
    assert [(found["id"], found["cancelled_by_name"]) for found in page["sales"]] == [
        (sale["id"], "Camille Test")
    ]
    assert (await read("", customer_id=uuid4())) == {"sales": [], "next": None}


async def test_my_sales_of_today_are_mine_and_of_today(sell, read, session):
    midnight = datetime.now(ZoneInfo("Europe/Paris")).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    mine = await sell(1)
    await sell(2, headers=token(Role.SELLER))
    before_midnight = await sell(3)
    sale = await session.get(Sale, UUID(before_midnight["id"]))
    sale.recorded_at = midnight - timedelta(microseconds=1)
    at_midnight = await sell(4)
    sale = await session.get(Sale, UUID(at_midnight["id"]))
    sale.recorded_at = midnight
    await session.commit()

    page = await read("", mine_today=True)
    assert {found["id"] for found in page["sales"]} == {mine["id"], at_midnight["id"]}


async def test_customers_may_not_list_sales(client):
    assert (await client.get("/api/sales", headers=token(Role.CUSTOMER))).status_code == 403


async def test_my_purchases_are_mine_and_stand(client, sell, read, shop):
    stored, cancelled = await sell(1), await sell(2)
    await cancel(client, cancelled)

    own = token(Role.CUSTOMER, shop.customer_id)
    assert [sale["id"] for sale in (await read("/mine", own))["sales"]] == [stored["id"]]
    assert (await read("/mine", token(Role.CUSTOMER)))["sales"] == []


async def test_staff_have_no_purchases(client):
    assert (await client.get("/api/sales/mine", headers=SELLER)).status_code == 403


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 51}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"customer_id": "1"}, "customer_id"),
        ({"mine_today": "perhaps"}, "mine_today"),
        ({"after": "x" * 401}, "after"),
        ({"after": "nonsense"}, "after"),
        ({"after": "é"}, "after"),
        ({"after": paging.encode("2026-11-24")}, "after"),
        ({"after": paging.encode("yesterday", str(uuid4()))}, "after"),
        ({"after": paging.encode(5, str(uuid4()))}, "after"),
    ],
)
async def test_wrong_parameters_are_malformed(client, parameters, field):
    answer = await client.get("/api/sales", headers=SELLER, params=parameters)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


# --- Serial numbers and counts ----------------------------------------------------------------


async def check(client, shop, typed, headers=SELLER):
    body = {"product_id": str(shop.product_id), "serial_number": typed}
    return await client.post("/api/sales/serial-checks", json=body, headers=headers)


async def about(client, shop, typed):
    answer = await check(client, shop, typed)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return {name: sale and sale["id"] for name, sale in found.items() if name != "serial_number"}


FREE = {"sale": None, "same_number": None, "look_alike": None}


async def test_a_free_serial_number_is_reported_as_free(client, shop):
    assert (await check(client, shop, " sn0000000000001 ")).json()["serial_number"] == serial(1)
    assert await about(client, shop, serial(1)) == FREE


async def test_a_sold_serial_number_is_shown_with_its_sale(client, shop, sell):
    sale = await sell(1)
    assert (await check(client, shop, serial(1))).json()["sale"] == sale


async def test_the_same_number_of_another_product_is_reported_and_is_not_this_unit(
    client, shop, sell
):
    sale = await sell(1)
    shop.product_id = uuid4()
    await shop.hears_of_product()

    assert await about(client, shop, serial(1)) == FREE | {"same_number": sale["id"]}
    own = await sell(1)
    assert await about(client, shop, serial(1)) == FREE | {
        "sale": own["id"], "same_number": sale["id"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sold", "typed"),
    [
        ("PHB074K2M910XTD", "PHBO74K2M910XTD"),
        ("PHBO74K2M910XTD", "PHB074K2M910XTD"),
        ("PHBQ74K2M910XTD", "PHBQ74K2M9IOXTD"),
        ("IO1OI010OI01OI0", "101010100101010"),
    ],
)
@pytest.mark.parametrize("other_product", [False, True])
async def test_a_number_that_reads_like_a_sold_one_is_reported(
    client, shop, sell, sold, typed, other_product
):
    sale = await sell(1, serial_number=sold)
    if other_product:
        shop.product_id = uuid4()
        await shop.hears_of_product()

    assert await about(client, shop, typed) == FREE | {"look_alike": sale["id"]}


@pytest.mark.parametrize("typed", ["PHBQ74K2M910XT0", "PHBD74K2M910XTD", "PHB874K2M910XTD"])
async def test_no_other_letters_read_alike(client, shop, sell, typed):
    await sell(1, serial_number="PHB074K2M910XTD")
    assert await about(client, shop, typed) == FREE


async def test_cancelled_sales_hold_no_serial_number(client, shop, sell):
    await cancel(client, await sell(1))
    assert await about(client, shop, serial(1)) == FREE
    assert await about(client, shop, serial(1).replace("0", "O")) == FREE


async def test_a_wrong_serial_number_is_refused_here_too(client, shop):
    answer = await check(client, shop, "SN")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "serial_number_length"


async def test_customers_check_no_serial_number(client, shop):
    """Not their own either: the answer tells of what others bought."""
    for who in (token(Role.CUSTOMER), token(Role.CUSTOMER, shop.customer_id)):
        assert (await check(client, shop, serial(1), who)).status_code == 403


async def test_purchases_are_counted_for_each_customer_asked(client, shop, sell, read):
    await sell(1)
    await sell(2)
    await cancel(client, await sell(3))
    nobody = str(uuid4())

    counted = await read("/purchase-counts", customer_id=[nobody, str(shop.customer_id)])
    assert counted["counts"] == [
        {"customer_id": nobody, "count": 0},
        {"customer_id": str(shop.customer_id), "count": 2},
    ]


async def test_purchases_are_counted_to_a_thousand_and_no_further(shop, sell, read, session):
    sale = await session.get(Sale, UUID((await sell(1))["id"]))
    columns = {
        column.name: getattr(sale, column.name)
        for column in Sale.__table__.columns
        if column.computed is None
    }
    more = [
        columns | {"id": uuid4(), "number": f"V-{n}", "serial_number": serial(n)}
        for n in range(2, 1003)
    ]
    await session.execute(insert(Sale), more)
    await session.commit()

    counted = await read("/purchase-counts", customer_id=str(shop.customer_id))
    assert counted["counts"][0]["count"] == 1001


@pytest.mark.parametrize("number", [0, 51])
async def test_purchases_are_counted_for_1_to_50_customers(client, number):
    ids = [str(uuid4()) for _ in range(number)]
    answer = await client.get(
        "/api/sales/purchase-counts", params={"customer_id": ids}, headers=SELLER
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "customer_id"


async def test_customers_count_nobodys_purchases(client):
    answer = await client.get(
        "/api/sales/purchase-counts",
        params={"customer_id": str(uuid4())},
        headers=token(Role.CUSTOMER),
    )
    assert answer.status_code == 403
