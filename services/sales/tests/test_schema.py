"""The database as migrated is the one that the mapped classes mean, and it keeps the rules."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from chassis import migrations, testing
from sales.models import Sale


def test_migrations_and_mapped_classes_agree():
    url = testing.migrated_database("sales", "test_sales_schema")
    migrations.check("sales", url)


OLD_DRAFTS = """
    INSERT INTO drafts (seller_id, key, saved_at, customer_id, withdrawn_confirmed,
        creating_customer, serial_number, sold_on, customer_text, product_text, first_name,
        last_name, email)
    VALUES
        ('00000000-0000-0000-0000-000000000001', 'k', now(),
            '00000000-0000-0000-0000-000000000009', true, false, 'PHBQ', 'hier', '', 'noc',
            '', '', ''),
        ('00000000-0000-0000-0000-000000000002', 'k', now(), NULL, false, false, '', '', 'rouss',
            '', '', '', '')
"""


def test_drafts_of_the_release_before_become_documents():
    url = testing.fresh_database("test_sales_old_drafts")
    command.upgrade(migrations.config("sales", url), "0003")
    engine = create_engine(url)
    with engine.begin() as old:
        old.execute(text(OLD_DRAFTS))
    migrations.upgrade("sales", url)
    with engine.begin() as connection:
        drafts = connection.execute(text("SELECT content, negligible FROM drafts ORDER BY 1"))
        stored = {draft.negligible: draft.content for draft in drafts}
    engine.dispose()

    assert stored[True] == {"customer_text": "rouss"}
    assert stored[False] == {
        "customer_id": "00000000-0000-0000-0000-000000000009",
        "withdrawn_confirmed": "true",
        "serial_number": "PHBQ",
        "sold_on": "hier",
        "product_text": "noc",
    }


OLD_SALE = """
    INSERT INTO sales (id, number, customer_id, seller_id, seller_name, product_id,
        product_reference, product_designation, serial_number, sold_on, recorded_at, version,
        customer_words)
    VALUES (gen_random_uuid(), 'V-2025-00001', gen_random_uuid(), gen_random_uuid(), 'Awa Diallo',
        gen_random_uuid(), 'NF-A12/25', 'Écran 27” L’Œil', 'SN4X8820193KQ7L', '2025-11-02', now(),
        1, 'Aïssa N’Diaye a.n@x.example')
"""


def test_sales_of_the_release_before_are_folded_again():
    url = testing.fresh_database("test_sales_old_sales")
    command.upgrade(migrations.config("sales", url), "0004")
    engine = create_engine(url)
    with engine.begin() as old:
        old.execute(text(OLD_SALE))
    migrations.upgrade("sales", url)
    with engine.begin() as connection:
        folded = connection.scalar(text("SELECT search_text FROM sales"))
    engine.dispose()
    assert folded == (
        "v-2025-00001 sn4x8820193kq7l nf-a12-25 ecran 27 l-oeil aissa n-diaye a-n@x-example"
    )


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
async def test_constraints_of_the_table_refuse_invalid_rows(session, changes, constraint):
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
