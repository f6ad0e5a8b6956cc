"""The queues of staff, the lists of customers, and their counts."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from chassis.data.reading import Part, Question, Rows
from chassis.http import paging
from contracts.counts import COUNTED_MOST
from contracts.tickets import api
from contracts.tickets.api import CustomerView, Priority, Sort, StaffView, Status
from tickets.models import (
    IN_PROGRESS,
    OPEN,
    PRIORITY,
    RANKS,
    RESOLVED,
    UNANSWERED,
    UNREAD,
    UNRESOLVED,
    WAITING_FOR_CUSTOMER,
    Message,
    Person,
    Ticket,
)
from tickets.queries.changes import AS_OF
from tickets.queries.pages import next_page
from tickets.queries.words import matches_of_customer

SUMMARY = (
    Ticket.number,
    Ticket.status,
    WAITING_FOR_CUSTOMER.label("waiting_for_customer"),
    Ticket.subject,
    Ticket.customer_id,
    Person.name.label("customer_name"),
    Ticket.designation,
    Ticket.reference,
    Ticket.serial_number,
    Ticket.opened_at,
    Ticket.waiting_since,
    Ticket.last_activity_at,
    Ticket.last_author_name,
    Ticket.last_text,
    Ticket.resolved_at,
)
STAFF_SUMMARY = (
    *SUMMARY,
    Ticket.product_id,
    PRIORITY,
    Ticket.unread,
    Ticket.answered_by,
    Ticket.resolved_by_name,
)

Statement = Select[*tuple[Any, ...]]
IS_ANSWER = Message.kind == literal_column("'staff'")


def summary(row: Any) -> api.TicketSummary:
    return api.TicketSummary.model_validate(row)


def staff_summary(row: Any) -> api.StaffTicketSummary:
    return api.StaffTicketSummary.model_validate(row)


# --- Views ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class View:
    """Which requests a list holds, and by which time it is sorted.

    `first`: requests that come before all others, newest first too.
    """

    holds: ColumnElement[Any]
    sorted_by: InstrumentedAttribute[Any]
    sort: Sort = Sort.NEWEST
    first: ColumnElement[bool] | None = None


STAFF_VIEWS = {
    StaffView.TO_HANDLE: View(holds=UNANSWERED, sorted_by=Ticket.waiting_since, sort=Sort.WAITING),
    StaffView.OPEN: View(holds=OPEN, sorted_by=Ticket.waiting_since, sort=Sort.WAITING),
    StaffView.IN_PROGRESS: View(holds=IN_PROGRESS, sorted_by=Ticket.last_activity_at),
    StaffView.WAITING_CUSTOMER: View(holds=WAITING_FOR_CUSTOMER, sorted_by=Ticket.last_activity_at),
    StaffView.RESOLVED: View(holds=RESOLVED, sorted_by=Ticket.resolved_at),
}

CUSTOMER_VIEWS = {
    CustomerView.ALL: View(holds=true(), sorted_by=Ticket.last_activity_at),
    CustomerView.AWAITING_ME: View(holds=WAITING_FOR_CUSTOMER, sorted_by=Ticket.last_activity_at),
    CustomerView.OTHERS: View(
        holds=~WAITING_FOR_CUSTOMER, sorted_by=Ticket.last_activity_at, first=UNRESOLVED
    ),
}

# What is counted for staff: each queue, and what is to be handled and nobody has opened yet.
NEWS = View(holds=UNREAD & UNANSWERED, sorted_by=Ticket.waiting_since, sort=Sort.WAITING)
UNOPENED = "unread"
STAFF_COUNTS: dict[str, View] = {**STAFF_VIEWS, UNOPENED: NEWS}


@dataclass(frozen=True, kw_only=True)
class Order:
    """One way to sort a view; an index of that view has the same order."""

    view: View
    sort: Sort

    @property
    def key(self) -> dict[str, ColumnElement[Any] | InstrumentedAttribute[Any]]:
        keys = {"moment": self.view.sorted_by, "number": Ticket.number}
        rank = Ticket.priority if self.sort == Sort.PRIORITY else self.view.first
        return keys if rank is None else {"rank": rank, **keys}

    @property
    def types(self) -> tuple[type, ...]:
        """The types of the values in a cursor of this list."""
        if self.sort == Sort.PRIORITY:
            return int, datetime, int
        return (datetime, int) if self.view.first is None else (bool, datetime, int)

    def sorted(self, statement: Statement) -> Statement:
        newest_first = self.sort == Sort.NEWEST
        return statement.where(self.view.holds).order_by(
            *(column.desc() if newest_first else column for column in self.key.values())
        )

    def beyond(self, cursor: str) -> ColumnElement[bool]:
        """The requests that come after the one with this sort key."""
        key = tuple_(*self.key.values())
        values = paging.decode(cursor, *self.types)
        return key < values if self.sort == Sort.NEWEST else key > values


# --- Filters ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StaffFilters:
    """The filters of a queue; None does not filter."""

    customer_id: UUID | None = None
    product_id: UUID | None = None
    priority: Priority | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None
    answered_by: UUID | None = None
    unread: bool = False
    numbers: tuple[int, ...] = ()

    def narrow(self, statement: Statement) -> Statement:
        if self.numbers:
            statement = statement.where(Ticket.number.in_(self.numbers))
        if self.customer_id is not None:
            statement = statement.where(Ticket.customer_id == self.customer_id)
        if self.product_id is not None:
            statement = statement.where(Ticket.product_id == self.product_id)
        if self.priority is not None:
            statement = statement.where(Ticket.priority == RANKS[self.priority])
        if self.opened_from is not None:
            statement = statement.where(Ticket.opened_at >= self.opened_from)
        if self.opened_before is not None:
            statement = statement.where(Ticket.opened_at < self.opened_before)
        if self.answered_by is not None:
            statement = statement.where(answered_by(self.answered_by))
        return statement.where(UNREAD) if self.unread else statement


def answered_by(staff_id: UUID) -> ColumnElement[bool]:
    return exists().where(Message.ticket_id == Ticket.id, Message.author_id == staff_id, IS_ANSWER)


@dataclass(frozen=True, kw_only=True)
class CustomerFilters:
    """The filters of a customer's own list."""

    customer_id: UUID
    status: Status | None = None
    sale_id: UUID | None = None
    product_id: UUID | None = None
    text: str = ""

    def narrow(self, statement: Statement) -> Statement:
        statement = statement.where(Ticket.customer_id == self.customer_id)
        if self.status is not None:
            statement = statement.where(Ticket.status == self.status)
        if self.sale_id is not None:
            statement = statement.where(Ticket.sale_id == self.sale_id)
        if self.product_id is not None:
            statement = statement.where(Ticket.product_id == self.product_id)
        if self.text:
            statement = statement.where(matches_of_customer(self.customer_id, self.text))
        return statement


# --- Pages ------------------------------------------------------------------------------------


def queue(
    view: StaffView,
    sort: Sort | None,
    filters: StaffFilters,
    *,
    limit: int,
    after: str | None,
) -> Question[api.StaffTickets]:
    """One page of a queue; as rows instead of entities, since these are the most frequent reads."""
    order = order_of(STAFF_VIEWS[view], sort)
    lines = queue_lines(view, order.sort)
    if filters == StaffFilters() and after is None:
        part = Part(first(lines, limit), {})
    else:
        lines = beyond(order, filters.narrow(lines), after)
        # One product is asked about every day, another never: no cached plan suits both.
        part = Part(limited(lines, limit), {}, custom_plan=filters != StaffFilters())

    def answer(rows: Rows) -> api.StaffTickets:
        return api.StaffTickets(
            tickets=[staff_summary(row) for row in rows[:limit]],
            next=next_page(rows, limit, *order.key),
        )

    return Question([part], answer)


def mine(
    view: CustomerView, filters: CustomerFilters, *, limit: int, after: str | None
) -> Question[api.Tickets]:
    """One page of a customer's own requests."""
    order = order_of(CUSTOMER_VIEWS[view])
    if filters == CustomerFilters(customer_id=filters.customer_id) and after is None:
        part = Part(first(all_my_lines(view), limit), {"customer_id": filters.customer_id})
    else:
        part = Part(limited(beyond(order, filters.narrow(my_lines(view)), after), limit), {})

    def answer(rows: Rows) -> api.Tickets:
        return api.Tickets(
            tickets=[summary(row) for row in rows[:limit]], next=next_page(rows, limit, *order.key)
        )

    return Question([part], answer)


def beyond(order: Order, lines: Statement, after: str | None) -> Statement:
    return lines if after is None else lines.where(order.beyond(after))


def limited(lines: Statement, limit: int) -> Statement:
    """The limit and one more row, to know whether there are others.

    As a constant: in a prepared plan PostgreSQL estimates an unknown limit as a tenth of all rows.
    """
    return lines.limit(literal_column(str(limit + 1)))


def order_of(view: View, sort: Sort | None = None) -> Order:
    return Order(view=view, sort=sort or view.sort)


# Building a statement costs more than running it: what is the same for everybody is cached.


@functools.cache
def queue_lines(view: StaffView, sort: Sort) -> Statement:
    """All requests of a queue, in this order."""
    return lines(order_of(STAFF_VIEWS[view], sort), STAFF_SUMMARY)


@functools.cache
def first(lines: Statement, limit: int) -> Statement:
    """The first page of lines that are the same for everybody."""
    return limited(lines, limit)


@functools.cache
def my_lines(view: CustomerView) -> Statement:
    """All requests of such a list, of all customers."""
    return lines(order_of(CUSTOMER_VIEWS[view]), SUMMARY)


@functools.cache
def all_my_lines(view: CustomerView) -> Statement:
    """All requests of one customer."""
    return my_lines(view).where(Ticket.customer_id == bindparam("customer_id"))


def lines(order: Order, columns: tuple[Any, ...]) -> Statement:
    """Add the sort key of each line."""
    key = (column.label(name) for name, column in order.key.items() if name != "number")
    statement = select(*columns, *key).join(Person, Person.id == Ticket.customer_id)
    return order.sorted(statement)


# --- Counts -----------------------------------------------------------------------------------


def queue_counts(filters: StaffFilters = StaffFilters()) -> Question[api.Counts]:
    """How many requests each queue holds, exact up to 1,000, and how many nobody has opened yet.

    The queues are filtered; the unread are counted over all of them.
    """
    if filters == StaffFilters():
        return Question([Part(QUEUE_COUNTS, {})], counts_of)
    return Question([Part(narrowed_counts(filters), {}, custom_plan=True)], counts_of)


def my_counts(customer_id: UUID) -> Question[api.Counts]:
    """How many requests each view of a customer holds, exact up to 1,000."""
    return Question([Part(MY_COUNTS, {"customer_id": customer_id})], counts_of)


def counts_of(answer: Rows) -> api.Counts:
    numbers = answer.one()._asdict()
    return api.Counts(as_of=numbers.pop("as_of"), counts=numbers)


def counted(views: Mapping[Any, View], *which: ColumnElement[bool]) -> Statement:
    """Reads at most 1,001 rows of each view's index.

    The list's order is kept in the statement, so that PostgreSQL uses the view's own index.
    """
    numbers = select(Ticket.number).where(*which)
    return counts_in({name: order_of(view).sorted(numbers) for name, view in views.items()})


def narrowed_counts(filters: StaffFilters) -> Statement:
    """Leave out the order, so that PostgreSQL uses the index of the filter."""
    narrowed = filters.narrow(select(Ticket.number))
    return counts_in(
        {view: narrowed.where(each.holds) for view, each in STAFF_VIEWS.items()}
        | {UNOPENED: order_of(NEWS).sorted(select(Ticket.number))}
    )


def counts_in(held: Mapping[Any, Statement]) -> Statement:
    """How many rows each statement gives, up to 1,001."""
    numbers = []
    for name, rows in held.items():
        some = rows.limit(literal_column(str(COUNTED_MOST + 1))).subquery()
        numbers.append(select(func.count()).select_from(some).scalar_subquery().label(name))
    return select(*numbers, AS_OF)


QUEUE_COUNTS = counted(STAFF_COUNTS)
MY_COUNTS = counted(CUSTOMER_VIEWS, Ticket.customer_id == bindparam("customer_id"))
