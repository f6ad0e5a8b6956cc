"""A request as a transcript: changes of status between messages, and what is new to its reader."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from contracts.tickets.api import (
    Message,
    MessageKind,
    OwnedProduct,
    Priority,
    StaffTicket,
    Status,
    Thread,
)
from web.shared.threads import Event, MessageEntry, resolution, transcript

MORNING = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
OPEN, IN_PROGRESS, RESOLVED = Status
CUSTOMER, STAFF = MessageKind.CUSTOMER, MessageKind.STAFF


def thread(
    status: Status,
    *turns: tuple[MessageKind, Status],
    previous: str | None = None,
    unread: bool = False,
) -> Thread:
    messages = [
        Message(
            id=uuid4(),
            position=index + 1,
            kind=kind,
            author_id=uuid4(),
            author_name="Claire Vasseur",
            author_role="technician" if kind == STAFF else "customer",
            text="…",
            sent_at=MORNING + timedelta(hours=index),
            status_after=after,
        )
        for index, (kind, after) in enumerate(turns)
    ]
    resolved = status == RESOLVED
    ticket = StaffTicket(
        priority=Priority.NORMAL,
        unread=unread,
        id=uuid4(),
        number=4127,
        status=status,
        waiting_for_customer=status == IN_PROGRESS and turns[-1][0] == STAFF,
        subject="Bourrage papier",
        customer_id=uuid4(),
        customer_name="Nathalie Rousseau",
        product=OwnedProduct(
            sale_id=uuid4(),
            product_id=uuid4(),
            reference="2Z605F",
            designation="HP LaserJet",
            serial_number="PHBQ74K2M910XTD",
            sold_on=date(2026, 3, 12),
            cancelled=False,
        ),
        opened_at=MORNING,
        waiting_since=None,
        last_activity_at=MORNING,
        resolved_at=MORNING if resolved else None,
        resolved_by_name="Claire Vasseur" if resolved else None,
        version=1,
    )
    return Thread(ticket=ticket, messages=messages, previous=previous, as_of="")


def shape(entries: list[MessageEntry | Event]) -> list[str]:
    return [
        entry.kind if isinstance(entry, Event) else ("new " if entry.is_new else "") + entry.message.kind
        for entry in entries
    ]  # fmt: skip


def test_the_first_answer_changes_the_status_once():
    received = thread(
        IN_PROGRESS, (CUSTOMER, OPEN), (CUSTOMER, OPEN), (STAFF, IN_PROGRESS), (STAFF, IN_PROGRESS)
    )
    assert shape(transcript(received, reader_is_staff=True)) == [
        "customer", "customer", "staff", "busy", "staff",
    ]  # fmt: skip


def test_a_later_page_does_not_tell_the_change_again():
    received = thread(IN_PROGRESS, (STAFF, IN_PROGRESS), (CUSTOMER, IN_PROGRESS), previous="x")
    assert shape(transcript(received, reader_is_staff=False)) == ["staff", "customer"]


def test_what_the_other_side_said_last_is_new():
    """To staff until one of them has opened it, like the mark in the queue."""
    message = (CUSTOMER, OPEN), (STAFF, IN_PROGRESS), (CUSTOMER, IN_PROGRESS)
    unread = thread(IN_PROGRESS, *message, unread=True)
    assert shape(transcript(unread, reader_is_staff=True)) == ["customer", "staff", "busy", "new customer"]  # fmt: skip
    received = thread(IN_PROGRESS, *message)
    assert shape(transcript(received, reader_is_staff=True))[-1] == "customer"
    assert shape(transcript(received, reader_is_staff=False)) == [
        "customer",
        "staff",
        "busy",
        "customer",
    ]


def test_a_note_of_staff_is_no_answer():
    note = MessageKind.NOTE
    received = thread(IN_PROGRESS, (CUSTOMER, OPEN), (STAFF, IN_PROGRESS), (CUSTOMER, IN_PROGRESS), (note, IN_PROGRESS), unread=True)  # fmt: skip
    entries = transcript(received, reader_is_staff=True)
    assert shape(entries)[-2:] == ["new customer", "note"]
    last = entries[-1]
    assert isinstance(last, MessageEntry)
    assert last.is_note
    assert last.by_staff


def test_an_open_request_holds_nothing_new_to_its_customer_and_a_resolved_one_to_nobody():
    untouched = thread(OPEN, (CUSTOMER, OPEN))
    assert shape(transcript(untouched, reader_is_staff=False)) == ["customer"]
    unread = thread(OPEN, (CUSTOMER, OPEN), unread=True)
    assert shape(transcript(unread, reader_is_staff=True)) == ["new customer"]
    closed = thread(RESOLVED, (CUSTOMER, OPEN), (STAFF, IN_PROGRESS))
    assert shape(transcript(closed, reader_is_staff=False)) == ["customer", "staff", "busy"]


def test_the_end_is_told_with_who_brought_it():
    ended = resolution(thread(RESOLVED, (CUSTOMER, OPEN)))
    assert ended == Event("done", MORNING, "Claire Vasseur")
    assert resolution(thread(OPEN, (CUSTOMER, OPEN))) is None
