"""The database as migrated is the one that the mapped classes mean, and it keeps the rules."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from chassis import migrations, testing
from sales.models import Sale


def test_migrations_and_mapped_classes_agree():
    url = testing.migrated_database("sales", "test_sales_schema")
    migrations.check("sales", url)


def sale(**changes: Any) -> Sale:
    good: dict[str, Any] = {
        "id": uuid4(),
        "number": f"V-{uuid4()}",
        "customer_id": uuid4(),
        "seller_id": uuid4(),
        "seller_name": "Awa Diallo",
        "product_id": uuid4(),
        "product_reference": "PX-200",
        "product_designation": "Perceuse",
        "serial_number": "SN4X8820193KQ7L",
        "sold_on": date(2026, 11, 2),
        "recorded_at": datetime(2026, 11, 2, 9, 0, tzinfo=UTC),
        "version": 1,
        "customer_words": "Inès Dubois ines@example.org",
    }
    return Sale(**(good | changes))


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"serial_number": "sn4x8820193kq7l"}, "ck_sales_serial_number"),
        ({"serial_number": "SN4X8820193KQ7"}, "ck_sales_serial_number"),
        ({"cancelled_by_name": "Awa Diallo"}, "ck_sales_cancellation"),
        ({"number": "V-2026-00001"}, "uq_sales_number"),
    ],
)
async def test_the_table_refuses_what_no_rule_lets_through(session, changes, constraint):
    session.add(sale(number="V-2026-00001"))
    await session.flush()
    session.add(sale(**changes))
    with pytest.raises(IntegrityError, match=constraint):
        await session.flush()


async def test_two_standing_sales_of_one_unit_cannot_be_written(session):
    first = sale()
    session.add_all([first, sale(product_id=first.product_id)])
    with pytest.raises(IntegrityError, match="uq_sales_unit_sold_once"):
        await session.flush()
