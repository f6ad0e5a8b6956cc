"""The queues of staff."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from annotated_types import Ge, Le
from fastapi import Depends, Query, Request

from chassis.data.database import Reading
from chassis.data.reading import Question
from chassis.http.routing import Routes
from contracts.paging import PAGE_MOST
from contracts.tickets import api
from tickets.queries import lists, people
from tickets.queries import tickets as queries
from tickets.queries.desk import context as context_queries
from tickets.routes.parameters import (
    LAST_MESSAGES,
    PAGE,
    After,
    Before,
    Limit,
    Staff,
    VerifiedStaff,
    WithCounts,
)

router = Routes("tickets")

# What lies beyond is a slip, and the end of time has no next day.
Day = Annotated[date, Ge(date(2000, 1, 1)), Le(date(2999, 12, 31))]


async def filters(
    *,
    request: Request,
    customer_id: UUID | None = None,
    product_id: UUID | None = None,
    priority: api.Priority | None = None,
    opened_from: Day | None = None,
    opened_to: Annotated[Day | None, Query(description="That day included.")] = None,
    answered_by: Annotated[UUID | None, Query(description="A staff member who answered.")] = None,
    unread: Annotated[
        bool, Query(description="Only requests with a message that no staff member has opened yet.")
    ] = False,
    numbers: Annotated[list[api.TicketNumber], Query(alias="number", max_length=PAGE_MOST)] = [],  # noqa: B006 - FastAPI copies it
) -> lists.StaffFilters:
    """The filters of a queue; days are those of the shop's time zone."""
    zone = request.app.state.settings.zone
    return lists.StaffFilters(
        customer_id=customer_id,
        product_id=product_id,
        priority=priority,
        opened_from=begin(opened_from, zone),
        opened_before=begin(opened_to, zone, days=1),
        answered_by=answered_by,
        unread=unread,
        numbers=tuple(numbers),
    )


def begin(day: date | None, zone: ZoneInfo, *, days: int = 0) -> datetime | None:
    """The time at which that day begins, or one some days later."""
    return None if day is None else datetime.combine(day + timedelta(days), time.min, zone)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A requested page of a queue; `questions` are its counts, if wanted, then the queue itself.

    The queue is read after the counts, so that it shows every change that their `as_of` covers.
    """

    questions: list[Question[Any]]

    def of(self, *answers: Any) -> api.StaffTickets:
        *counted, queue = answers
        return queue.model_copy(update=dict(counted[0])) if counted else queue


async def page(
    *,
    filters: Annotated[lists.StaffFilters, Depends(filters)],
    view: api.StaffView = api.StaffView.TO_HANDLE,
    sort: api.Sort | None = None,
    with_counts: WithCounts = False,
    limit: Limit = PAGE,
    after: After = None,
) -> Page:
    queue = lists.queue(view, sort, filters, limit=limit, after=after)
    return Page(questions=[lists.queue_counts(filters), queue] if with_counts else [queue])


ThePage = Annotated[Page, Depends(page)]


@router.get("")
async def tickets(_: VerifiedStaff, page: ThePage, reader: Reading) -> api.StaffTickets:
    """To handle and open: the longest wait first. The others: the newest first.

    Counts are filtered like the list, except `unread`, which counts all.
    """
    return page.of(*await reader.ask_all(*page.questions))


@router.get("/desk")
async def desk(
    *,
    staff: VerifiedStaff,
    page: ThePage,
    reader: Reading,
    open: Annotated[api.TicketNumber | None, Query(description="The number of a request.")] = None,
    before: Before = None,
) -> api.Desk:
    """A queue, and next to it a request with its context."""
    if open is None:
        return api.Desk(queue=page.of(*await reader.ask_all(*page.questions)))
    thread, context, *queue = await reader.ask_all(
        queries.thread(staff, open, limit=LAST_MESSAGES, before=before),
        context_queries.context(open),
        *page.questions,
    )
    return api.Desk(queue=page.of(*queue), thread=thread, context=context)


@router.get("/counts")
async def counts(_: Staff, reader: Reading) -> api.Counts:
    """How many requests each queue holds, and how many to be handled are `unread`."""
    return await reader.ask(lists.queue_counts())


@router.get("/staff")
async def staff(_: VerifiedStaff, reader: Reading) -> api.StaffNames:
    """Staff by name, for the filter `answered_by`."""
    return await people.staff_names(reader)
