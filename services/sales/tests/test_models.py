"""The rules about one sale, one customer, one product: no database is needed."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from chassis.http.auth import Caller
from contracts.sales.api import NewSale
from sales.models import (
    CustomerDisabled,
    KnownCustomer,
    ProductWithdrawn,
    Sale,
    SellableProduct,
    SoldInFuture,
    SoldTooLongAgo,
)

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=PARIS)


def staff(name="Awa Diallo"):
    return Caller(id=uuid4(), role="seller", name=name, session_id=uuid4(), token="")


def customer(*, enabled=True):
    return KnownCustomer(
        id=uuid4(),
        version=1,
        enabled=enabled,
        first_name="Inès",
        last_name="Dubois",
        email="ines@example.org",
    )


def product(*, on_sale=True):
    return SellableProduct(
        id=uuid4(), version=1, reference="PX-200", designation="Perceuse", on_sale=on_sale
    )


def sell(*, to=None, what=None, sold_on=date(2026, 11, 24), at=NOON, confirmed=False, ordinal=413):
    to, what = to or customer(), what or product()
    new = NewSale(
        customer_id=to.id,
        product_id=what.id,
        serial_number="SN4X8820193KQ7L",
        sold_on=sold_on,
        withdrawn_confirmed=confirmed,
    )
    return Sale.recorded(new, customer=to, product=what, seller=staff(), ordinal=ordinal, at=at)


def test_a_sale_has_a_number_for_people():
    assert sell().number == "V-2026-00413"
    assert sell(ordinal=123_456).number == "V-2026-123456"


def test_a_sale_is_recorded_in_universal_time():
    assert sell().recorded_at == NOON
    assert sell().recorded_at.tzinfo is UTC


def test_today_is_what_the_shops_clock_says():
    """At 23:30 UTC on the 24th it is already the 25th in Paris."""
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    tomorrow = date(2026, 11, 25)

    assert sell(sold_on=tomorrow, at=late.astimezone(PARIS)).sold_on == tomorrow
    with pytest.raises(SoldInFuture):
        sell(sold_on=tomorrow, at=late)


def test_the_last_minute_of_a_day_may_be_tomorrow_by_another_clock():
    tomorrow, midnight = date(2026, 11, 25), datetime(2026, 11, 25, tzinfo=PARIS)
    assert sell(sold_on=tomorrow, at=midnight - timedelta(seconds=59)).sold_on == tomorrow
    with pytest.raises(SoldInFuture):
        sell(sold_on=tomorrow, at=midnight - timedelta(seconds=61))


def test_the_year_of_a_number_is_the_shops():
    new_years_eve = datetime(2026, 12, 31, 23, 30, tzinfo=UTC).astimezone(PARIS)
    assert sell(at=new_years_eve).number == "V-2027-00413"


def test_a_sale_is_not_later_than_today():
    with pytest.raises(SoldInFuture):
        sell(sold_on=date(2026, 11, 25))


@pytest.mark.parametrize(
    ("oldest", "at"),
    [
        (date(2016, 11, 24), NOON),
        (date(2018, 2, 28), datetime(2028, 2, 29, 12, 0, tzinfo=PARIS)),
    ],
)
def test_a_sale_is_at_most_ten_years_old(oldest, at):
    assert sell(sold_on=oldest, at=at).sold_on == oldest
    with pytest.raises(SoldTooLongAgo):
        sell(sold_on=oldest - timedelta(days=1), at=at)


def test_a_disabled_customer_buys_nothing():
    with pytest.raises(CustomerDisabled):
        sell(to=customer(enabled=False))


def test_a_withdrawn_product_is_sold_only_knowingly():
    with pytest.raises(ProductWithdrawn):
        sell(what=product(on_sale=False))
    assert sell(what=product(on_sale=False), confirmed=True).product_reference == "PX-200"


def test_a_cancelled_sale_says_who_why_and_when():
    sale, manager = sell(), staff("Jeanne Petit")

    assert sale.cancel(by=manager, reason="mauvais client", at=NOON) is True
    assert sale.cancelled_at == NOON
    assert sale.cancelled_at.tzinfo is UTC
    assert (sale.cancelled_by, sale.cancelled_by_name) == (manager.id, "Jeanne Petit")
    assert sale.cancellation_reason == "mauvais client"
    assert sale.version == 2


def test_a_second_cancellation_changes_nothing():
    sale = sell()
    sale.cancel(by=staff("Jeanne Petit"), reason="mauvais client", at=NOON)

    assert sale.cancel(by=staff("Paul Roux"), reason="autre raison", at=NOON) is False
    assert sale.cancelled_by_name == "Jeanne Petit"
    assert sale.cancellation_reason == "mauvais client"
    assert sale.version == 2
