"""Every list has its index: the plan walks it in its own order and sorts nothing."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql

from contracts.identity.roles import Role
from contracts.tickets.api import CustomerView, Priority, Sort, StaffView, Status
from tickets.models import Ticket
from tickets.queries import lists, owned_products
from tickets.queries.desk import context
from tickets.queries.lists import CustomerFilters, StaffFilters
from tickets.queries.searching import search

FILLED = (
    {"status": "open", "answered": False},
    {"status": "in_progress", "answered": False},
    {"status": "in_progress", "answered": True},
    {"status": "resolved", "answered": True},
)


@pytest.fixture(scope="module")
async def filled(own_desk, someone):
    """A desk with a few requests of everybody, and one of its customers."""
    customer, other = (someone(Role.CUSTOMER, name) for name in ("Nathalie", "Marc"))
    for situation in FILLED:
        await own_desk.many(customer, 50, **situation)
        await own_desk.many(other, 200, **situation)
    async with own_desk.database.transaction() as session:
        await session.execute(text("ANALYZE tickets"))
    return own_desk, customer


@pytest.fixture
def nathalie(filled):
    return filled[1]


@pytest.fixture
def plan(filled):
    """How PostgreSQL would answer a statement, if it could not read whole tables."""
    desk, _ = filled

    async def explain(statement):
        asked = statement.compile(
            dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}
        )
        async with desk.database.transaction() as session:
            await session.execute(text("SET LOCAL enable_seqscan = off"))
            return "\n".join((await session.execute(text(f"EXPLAIN {asked}"))).scalars())

    return explain


def queue(view, sort, **filters):
    return StaffFilters(**filters).narrow(lists.queue_lines(view, sort)).limit(26)


def mine(view, customer, **filters):
    narrowed = CustomerFilters(customer_id=customer.id, **filters)
    return narrowed.narrow(lists.my_lines(view)).limit(26)


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("view", list(StaffView))
async def test_every_queue_has_an_index_for_every_order(plan, view, sort):
    by_priority = "_by_priority" if sort == Sort.PRIORITY else ""
    found = await plan(queue(view, sort))
    assert f"using ix_tickets_{view}{by_priority} on" in found
    assert "Sort" not in found


@pytest.mark.parametrize("sort", [Sort.WAITING, Sort.PRIORITY])
@pytest.mark.parametrize("view", list(StaffView))
async def test_one_priority_of_a_queue_is_a_piece_of_an_index(plan, view, sort):
    found = await plan(queue(view, sort, priority=Priority.URGENT))
    assert f"using ix_tickets_{view}_by_priority on" in found
    assert "Index Cond: (priority = 1)" in found
    assert "Sort" not in found


CUSTOMERS_INDEXES = {
    CustomerView.ALL: "ix_tickets_of_customer",
    CustomerView.AWAITING_ME: "ix_tickets_awaiting_customer",
    CustomerView.OTHERS: "ix_tickets_others_of_customer",
}


@pytest.mark.parametrize("view", list(CustomerView))
async def test_every_list_of_customers_has_its_index(plan, nathalie, view):
    found = await plan(mine(view, nathalie))
    assert f"using {CUSTOMERS_INDEXES[view]} on" in found
    assert "Sort" not in found


@pytest.mark.parametrize("status", list(Status))
async def test_a_narrowed_list_of_a_customer_reads_their_own_requests_alone(plan, nathalie, status):
    found = await plan(mine(CustomerView.ALL, nathalie, status=status))
    assert "_customer on tickets" in found
    assert f"Index Cond: (customer_id = '{nathalie.id}'::uuid)" in found
    assert "Sort" not in found


async def test_what_nobody_has_opened_has_its_index(plan):
    found = await plan(queue(StaffView.TO_HANDLE, Sort.WAITING, unread=True))
    assert "using ix_tickets_unread on" in found
    assert "Sort" not in found


@pytest.mark.parametrize("view", list(lists.STAFF_COUNTS))
async def test_every_count_reads_the_index_of_its_queue(plan, view):
    order = lists.order_of(lists.STAFF_COUNTS[view])
    some = order.sorted(select(Ticket.number)).limit(26)
    found = await plan(some)
    assert f"using ix_tickets_{view} on" in found
    assert "Sort" not in found


async def test_narrow_filters_have_an_index_of_their_own(plan):
    """Where a filter leaves little, PostgreSQL takes its index and sorts the little."""
    for filters, index in (
        ({"product_id": uuid4()}, "ix_tickets_of_product"),
        ({"opened_from": datetime.now(UTC)}, "ix_tickets_opened"),
    ):
        found = await plan(queue(StaffView.RESOLVED, Sort.NEWEST, **filters))
        assert index in found, found


async def test_a_request_knows_by_an_index_who_answered_it(plan, karim):
    found = await plan(queue(StaffView.IN_PROGRESS, Sort.NEWEST, answered_by=karim.id))
    assert "ix_messages_answers" in found or "uq_messages_ticket_id" in found


async def test_other_requests_on_a_product_have_their_index(plan):
    found = await plan(context.newest("product", Ticket.product_id == uuid4(), Ticket.number != 1))
    assert "using ix_tickets_of_product on" in found
    assert "Sort" not in found


async def test_the_open_request_on_a_product_has_its_index(plan, nathalie):
    found = await plan(owned_products.NEWEST_FIRST.params(customer_id=nathalie.id, limit=26))
    assert "ix_tickets_unresolved_of_sale" in found
    assert "using ix_owned_products_of_customer on" in found


async def test_a_serial_number_has_its_index(plan, karim):
    assert "ix_tickets_of_serial_number" in await plan(
        select(Ticket.number).where(Ticket.serial_number == "PHBQ74K2M910XTD")
    )


async def test_the_windows_of_messages_have_their_index(plan):
    query = search.query_of(for_staff=True, is_unfinished=True)
    values = {"groups": ["imprim"], "last": "imprim", "below": 100_000}
    statement = search.hits_of_staff(query, search.NARROW, search.WIDE, 30)
    found = await plan(statement.params(**values))
    assert found.count("Bitmap Index Scan on ix_messages_search") == 2
    for size, series in ((search.NARROW, "series"), (search.WIDE, "series_1")):
        assert f'(("position" >> {size}) = {series}.number) AND (search @@ ' in found


async def test_a_customer_s_search_reads_their_own_messages_alone(plan, nathalie):
    found = await plan(mine(CustomerView.ALL, nathalie, text="imprimante"))
    assert "ix_messages_of_customer on messages" in found
    assert "ix_messages_search" not in found
