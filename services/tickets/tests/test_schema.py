"""Constraints of the database refuse impossible states of a request."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from chassis import migrations


async def test_migrations_and_mapped_classes_agree(app):
    migrations.check("tickets", app.state.settings.database_url.get_secret_value())


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("status = 'closed'", "ck_tickets_status"),
        ("last_visible_by = 'robot', waiting_since = NULL", "ck_tickets_last_visible_by"),
        ("waiting_since = NULL", "ck_tickets_waiting"),
        ("status = 'in_progress', last_visible_by = 'staff'", "ck_tickets_waiting"),
        ("last_visible_by = 'staff', waiting_since = NULL", "ck_tickets_open"),
        ("status = 'resolved', waiting_since = NULL", "ck_tickets_resolved"),
        ("resolved_at = now()", "ck_tickets_resolved"),
        ("customer_id = gen_random_uuid()", "fk_tickets_customer_id_people"),
        ("sale_id = gen_random_uuid()", "fk_tickets_sale_id_owned_products"),
    ],
)
async def test_an_impossible_state_of_a_request_is_refused(
    session, desk, nathalie, change, constraint
):
    number = await desk.opened(nathalie)
    with pytest.raises(IntegrityError, match=constraint):
        await session.execute(text(f"UPDATE tickets SET {change} WHERE number = {number}"))
