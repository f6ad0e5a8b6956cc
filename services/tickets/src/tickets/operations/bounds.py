"""Limits what one customer may write in an hour, so that one person cannot flood the staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis import clock
from chassis.data.reading import Question, Rows
from chassis.errors import TooMany
from chassis.http.auth import Caller
from tickets.models import is_staff
from tickets.queries import lately

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Bounds:
    """The maximum numbers of requests and messages of one customer in an hour."""

    tickets: int
    messages: int


class TooManyTickets(TooMany):
    code = "too_many_tickets"


class TooManyMessages(TooMany):
    code = "too_many_messages"


def within(author: Caller, bounds: Bounds, *, opens: bool = False) -> Question[None]:
    """Check the limit of messages and, if one `opens`, of requests, whose first message counts too.

    Answering it raises the refusal. It is checked before writing, so two at the same time may
    exceed the limit by one. Staff have no limit.
    """
    if is_staff(author):
        return Question((), lambda: None)
    lately_written = lately.written_since(
        author.id, clock.now() - HOUR, bounds.messages, with_opened=opens
    )

    def answer(rows: Rows) -> None:
        written = lately_written.answer(rows)
        if len(written.opened) >= bounds.tickets:
            raise too_many(TooManyTickets, written.opened, bounds.tickets)
        if len(written.sent) >= bounds.messages:
            raise too_many(TooManyMessages, written.sent, bounds.messages)

    return Question(lately_written.parts, answer)


def too_many(kind: type[TooMany], at: Sequence[datetime], most: int) -> TooMany:
    """Retry once the oldest of the last `most` is an hour old."""
    wait = at[-most] + HOUR - clock.now()
    return kind(
        f"at most {most} in an hour",
        context={"most": most},
        retry_after=max(1, wait.total_seconds()),
    )
