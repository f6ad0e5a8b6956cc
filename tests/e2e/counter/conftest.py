"""At an empty counter, or where a sale has got to."""

from collections.abc import Iterator
from itertools import cycle

import pytest
from playwright.async_api import expect

from e2e.counter.clerk import Clerk
from e2e.scanner import scan
from e2e.windows import Windows
from shop import Account, Product, Shop, begin_sale, serial_number


@pytest.fixture(scope="session")
async def sellers(shop: Shop, seller_account: Account) -> Iterator[Account]:
    """By turns: the draft that a closed page still sends is not of the next test's seller."""
    return cycle([seller_account, await shop.hire("seller", "Julien", "Morel")])


@pytest.fixture
async def arriving(
    request: pytest.FixtureRequest, windows: Windows, sellers: Iterator[Account]
) -> Clerk:
    """Before an empty window of 1440 pixels; also of 390 where a test says so."""
    width = getattr(request, "param", 1440)
    seller = await windows.staff(next(sellers), width=width)
    return Clerk(seller.page, seller.account)


@pytest.fixture
async def clerk(arriving: Clerk) -> Clerk:
    """At an empty counter."""
    await arriving.goes_to_counter()
    return arriving


@pytest.fixture
async def at_serial(arriving: Clerk, customer_account: Account, product: Product) -> Clerk:
    """Customer and product are chosen already."""
    await arriving.goes_on_with_sale(customer_account, product)
    return arriving


@pytest.fixture
async def at_product(arriving: Clerk, customer_account: Account) -> Clerk:
    await begin_sale(arriving.account)
    await arriving.goes_to(f"/comptoir?client={customer_account.id}")
    await expect(arriving.product_box).to_be_focused()
    return arriving


@pytest.fixture
async def at_date(at_serial: Clerk) -> Clerk:
    await scan(at_serial.page, serial_number())
    await expect(at_serial.date_field).to_be_focused()
    await at_serial.press("Control+a")
    return at_serial
