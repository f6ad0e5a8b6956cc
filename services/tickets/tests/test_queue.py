"""Staff narrow and sort their queues; every page of every order gives everything once."""

from datetime import UTC, date, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from chassis.testing import published
from contracts.identity.events import StaffMemberChanged
from contracts.sales.events import SoldProduct
from contracts.tickets.api import Priority, Sort, StaffView
from contracts.tickets.events import TicketPrioritised

SHOP = ZoneInfo("Europe/Paris")
SCANNER = SoldProduct(id=uuid4(), reference="EP-39", designation="Scanner Epson")


@pytest.fixture
async def requests(desk, nathalie, marc, karim, julien):
    """Five open or answered requests, the first one opened first, by their names."""
    scanner = await desk.sell(marc, product=SCANNER)
    first = await desk.opened(nathalie)
    scan = await desk.opened(marc, sale=scanner)
    answered = await desk.opened(nathalie)
    both = await desk.opened(marc, sale=scanner)
    last = await desk.opened(marc)
    await desk.say(karim, answered)
    await desk.say(karim, both)
    await desk.say(julien, both)
    for number in (answered, both):
        await desk.say(nathalie if number == answered else marc, number)
    await desk.prioritise(karim, last, "urgent")
    await desk.prioritise(karim, first, "low")
    await desk.prioritise(karim, both, "high")
    return {"first": first, "scan": scan, "answered": answered, "both": both, "last": last}


async def named(desk, who, requests, **parameters):
    names = {number: name for name, number in requests.items()}
    return [names[number] for number in await desk.numbers(who, "", **parameters)]


async def test_the_queue_is_sorted_as_asked(desk, requests, karim):
    waiting = ["first", "scan", "last", "answered", "both"]
    assert await named(desk, karim, requests) == waiting
    assert await named(desk, karim, requests, sort=Sort.WAITING) == waiting
    assert await named(desk, karim, requests, sort=Sort.NEWEST) == waiting[::-1]
    ranked = ["last", "both", "scan", "answered", "first"]
    assert await named(desk, karim, requests, sort=Sort.PRIORITY) == ranked


async def test_the_queue_is_narrowed_as_asked(desk, requests, nathalie, marc, karim, julien):
    async def narrowed(**filters):
        return await named(desk, julien, requests, **filters)

    assert await narrowed(product_id=SCANNER.id) == ["scan", "both"]
    assert await narrowed(product_id=uuid4()) == []
    assert await narrowed(customer_id=nathalie.id) == ["first", "answered"]
    assert await narrowed(priority="urgent") == ["last"]
    assert await narrowed(priority="normal") == ["scan", "answered"]
    assert await narrowed(answered_by=karim.id) == ["answered", "both"]
    assert await narrowed(answered_by=julien.id) == ["both"]
    assert await narrowed(answered_by=julien.id, product_id=SCANNER.id) == ["both"]
    assert await narrowed(answered_by=karim.id, customer_id=marc.id, priority="low") == []


async def test_a_note_is_no_answer(desk, nathalie, karim, julien):
    number = await desk.opened(nathalie)
    await desk.note(karim, number)
    assert await desk.numbers(julien, "", answered_by=karim.id) == []
    [line] = (await desk.get(julien, "")).json()["tickets"]
    assert line["answered_by"] == []


async def test_a_line_names_who_answered_each_once(desk, requests, karim):
    lines = (await desk.get(karim, "")).json()["tickets"]
    answered_by = {line["number"]: line["answered_by"] for line in lines}
    assert answered_by[requests["both"]] == ["Karim Benali", "Julien Morel"]
    assert answered_by[requests["answered"]] == ["Karim Benali"]
    assert answered_by[requests["first"]] == []


async def test_the_day_of_opening_is_that_of_the_shop(desk, nathalie, karim):
    """23:30 UTC on 30 November is 00:30 on 1 December in Paris."""
    number = await desk.opened(nathalie)
    async with desk.database.transaction() as session:
        await session.execute(
            text("UPDATE tickets SET opened_at = :at WHERE number = :number"),
            {"at": datetime(2026, 11, 30, 23, 30, tzinfo=UTC), "number": number},
        )
    for parameters, found in (
        ({"opened_from": date(2026, 12, 1)}, [number]),
        ({"opened_from": date(2026, 12, 2)}, []),
        ({"opened_to": date(2026, 11, 30)}, []),
        ({"opened_to": date(2026, 12, 1)}, [number]),
        ({"opened_from": date(2026, 12, 1), "opened_to": date(2026, 12, 1)}, [number]),
        ({"opened_from": date(2026, 12, 2), "opened_to": date(2026, 12, 1)}, []),
    ):
        assert await desk.numbers(karim, "", **parameters) == found, parameters


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("view", list(StaffView))
async def test_pages_give_everything_once_in_every_order(desk, nathalie, karim, view, sort):
    """Though ten at a time share their moment, and pages end amid them."""
    await desk.many(
        nathalie,
        60,
        status="open"
        if view in ("to_handle", "open")
        else view.replace("waiting_customer", "in_progress"),
        answered=view in ("waiting_customer", "resolved"),
    )
    whole = (await desk.get(karim, "", view=view, sort=sort, limit=50)).json()["tickets"]
    paged = await desk.numbers(karim, "", view=view, sort=sort, limit=7)
    assert paged[:50] == [line["number"] for line in whole]
    assert len(set(paged)) == len(paged) >= 60
    if sort == Sort.PRIORITY:
        ranks = [list(Priority).index(line["priority"]) for line in whole]
        assert ranks == sorted(ranks, reverse=True)


async def test_pages_of_a_narrowed_queue_give_everything_once(desk, nathalie, marc, karim):
    await desk.many(nathalie, 60, status="open", answered=False)
    await desk.many(marc, 60, status="open", answered=False)
    for sort in Sort:
        paged = await desk.numbers(
            karim, "", sort=sort, customer_id=marc.id, priority="normal", limit=7
        )
        assert len(set(paged)) == len(paged) == 59


async def test_a_cursor_of_one_order_is_refused_by_the_other(desk, nathalie, karim):
    await desk.many(nathalie, 3, status="open", answered=False)
    waiting = (await desk.get(karim, "", limit=1)).json()["next"]
    ranked = (await desk.get(karim, "", limit=1, sort="priority")).json()["next"]
    for answer in (
        await desk.get(karim, "", after=ranked),
        await desk.get(karim, "", after=waiting, sort="priority"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


async def test_the_counts_come_with_the_page_when_asked_for(desk, requests, karim, nathalie):
    counts = (await desk.get(karim, "/counts")).json()["counts"]
    page = (await desk.get(karim, "", counts=True, limit=1)).json()
    assert page["counts"] == counts
    assert page["as_of"].count(":") == 2
    plain = (await desk.get(karim, "")).json()
    assert (plain["counts"], plain["as_of"]) == (None, None)
    mine = (await desk.get(nathalie, "/mine", counts=True)).json()
    assert mine["counts"] == (await desk.get(nathalie, "/mine/counts")).json()["counts"]


async def test_the_counts_are_those_of_the_lists_that_the_filters_leave(
    desk, requests, nathalie, karim, julien
):
    """But for what nobody has opened yet, which is told of the whole shop."""
    await desk.resolve(nathalie, await desk.opened(nathalie))
    await desk.say(karim, requests["answered"])
    whole = (await desk.get(karim, "/counts")).json()["counts"]
    today = datetime.now(UTC).astimezone(SHOP).date()
    for filters in (
        {"priority": "normal"},
        {"product_id": SCANNER.id},
        {"customer_id": nathalie.id, "priority": "low"},
        {"answered_by": julien.id},
        {"opened_to": date(2026, 1, 1)},
        {"opened_from": today},
        {"unread": True},
        {"answered_by": karim.id, "product_id": SCANNER.id, "priority": "high"},
    ):
        counts = (await desk.get(karim, "", counts=True, limit=1, **filters)).json()["counts"]
        lists = {
            view: len(await desk.numbers(karim, "", view=view, **filters)) for view in StaffView
        }
        assert counts == {**lists, "unread": whole["unread"]}, filters
        assert counts["to_handle"] >= counts["open"]
        assert counts["in_progress"] >= counts["waiting_customer"]
    assert whole["unread"] > 0


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("sort", "random"),
        ("priority", "1"),
        ("product_id", "abc"),
        ("answered_by", "karim"),
        ("opened_from", "hier"),
        ("opened_from", "2026-02-30"),
        ("opened_to", "9999-12-31"),
        ("opened_from", "0001-01-01"),
        ("unread", "peut-être"),
        ("counts", "peut-être"),
    ],
)
async def test_a_wrong_parameter_is_named(desk, karim, parameter, value):
    answer = await desk.get(karim, "", **{parameter: value})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == parameter


# --- Priority ---------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["technician", "seller", "administrator"])
async def test_every_member_of_staff_ranks_requests(desk, session, someone, nathalie, role):
    number = await desk.opened(nathalie)
    staff = someone(role, "Camille Petit")
    answer = await desk.prioritise(staff, number, "urgent")

    assert (answer.status_code, answer.json()["priority"]) == (200, "urgent")
    event = (await published(session))[-1]
    assert isinstance(event, TicketPrioritised)
    assert (event.priority, event.number, event.version) == ("urgent", number, 2)
    assert (event.prioritised_by, event.customer_id) == (staff.id, nathalie.id)


async def test_the_same_priority_again_announces_nothing(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    assert (await desk.prioritise(karim, number, "normal")).json()["version"] == 1
    for _ in range(2):
        assert (await desk.prioritise(karim, number, "high")).json()["version"] == 2
    assert len(await published(session)) == 2


async def test_a_customer_notices_nothing_of_a_priority(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    before = [await desk.read(nathalie, number), (await desk.get(nathalie, "/mine")).json()]
    await desk.prioritise(karim, number, "urgent")
    after = [await desk.read(nathalie, number), (await desk.get(nathalie, "/mine")).json()]
    for shown in (*before, *after):
        shown["as_of"] = ""
    assert after == before
    assert "priority" not in str(after)

    await desk.say(karim, number)
    assert (await desk.read(nathalie, number))["ticket"]["version"] == 2
    assert (await desk.read(karim, number))["ticket"]["version"] == 3


async def test_a_priority_changes_no_order_but_its_own(desk, requests, karim):
    before = await desk.numbers(karim, "")
    await desk.prioritise(karim, before[-1], "urgent")
    assert await desk.numbers(karim, "") == before


async def test_a_resolved_request_has_no_priority_any_more(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.resolve(nathalie, number)
    answer = await desk.prioritise(karim, number, "urgent")
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket_resolved")
    assert len(await published(session)) == 2


@pytest.mark.parametrize("priority", ["", "haute", "HIGH", 1, None])
async def test_there_is_no_other_priority(desk, nathalie, karim, priority):
    number = await desk.opened(nathalie)
    assert (await desk.prioritise(karim, number, priority)).status_code == 422


# --- What nobody has opened yet ---------------------------------------------------------------


@pytest.fixture
def unread(desk, karim):
    """The requests that are marked, and how many are counted."""

    async def marked():
        found = [
            line["number"]
            for view in ("to_handle", "waiting_customer", "resolved")
            for line in (await desk.get(karim, "", view=view)).json()["tickets"]
            if line["unread"]
        ]
        listed = await desk.numbers(karim, "", unread=True)
        counted = (await desk.get(karim, "/counts")).json()["counts"]["unread"]
        assert counted == len(listed)
        assert set(listed) <= set(found)
        return sorted(found)

    return marked


async def last_position(desk, who, number):
    return (await desk.read(who, number))["messages"][-1]["position"]


async def test_a_request_is_marked_until_staff_open_it(desk, unread, nathalie, karim, julien):
    first, second = await desk.opened(nathalie), await desk.opened(nathalie)
    assert await unread() == [first, second]
    position = await last_position(desk, karim, first)
    for _ in range(2):
        assert (await desk.see(julien, first, position)).status_code == 204
    assert await unread() == [second]
    await desk.say(nathalie, first)
    assert await unread() == [first, second]


async def test_reading_alone_marks_nothing_as_seen(desk, unread, nathalie, karim):
    """A page that is fetched ahead, or by a machine, is not opened by anybody."""
    number = await desk.opened(nathalie)
    await desk.read(karim, number)
    assert await unread() == [number]


async def test_what_came_after_the_page_was_shown_stays_unread(desk, unread, nathalie, karim):
    number = await desk.opened(nathalie)
    position = await last_position(desk, karim, number)
    await desk.say(nathalie, number, "Encore un mot.")
    await desk.see(karim, number, position)
    assert await unread() == [number]
    await desk.note(karim, number)
    await desk.see(karim, number, await last_position(desk, karim, number))
    assert await unread() == []


async def test_an_answer_of_staff_has_read_what_it_answers(desk, unread, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.note(karim, number)
    assert await unread() == [number]
    await desk.say(karim, number)
    assert await unread() == []


async def test_a_last_word_nobody_read_is_marked_but_waits_for_nobody(
    desk, unread, nathalie, karim
):
    number = await desk.opened(nathalie)
    await desk.see(karim, number, await last_position(desk, karim, number))
    await desk.resolve(nathalie, number, text="Ça remarche.")
    assert await unread() == [number]
    assert (await desk.get(karim, "/counts")).json()["counts"]["unread"] == 0
    await desk.see(karim, number, await last_position(desk, karim, number))
    assert await unread() == []


async def test_staff_who_resolve_have_read(desk, unread, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.resolve(karim, number)
    assert await unread() == []


async def test_nothing_is_announced_of_what_is_opened(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    before = await desk.read(nathalie, number)
    await desk.see(karim, number, await last_position(desk, karim, number))
    after = await desk.read(nathalie, number)
    assert {**after, "as_of": ""} == {**before, "as_of": ""}
    assert len(await published(session)) == 1


async def test_what_is_not_there_cannot_be_seen(desk, karim):
    answer = await desk.see(karim, 999_999, 1)
    assert (answer.status_code, answer.json()["code"]) == (404, "ticket_unknown")


async def test_the_staff_is_named_for_the_filter_and_for_staff_alone(desk, nathalie, karim):
    received = StaffMemberChanged(
        staff_member_id=karim.id,
        version=1,
        first_name="Karim",
        last_name="Benali",
        email="karim@example.org",
        role=karim.role,
        enabled=True,
    )
    await desk.receive(received)
    await desk.sell(nathalie)

    named = (await desk.get(karim, "/staff")).json()["staff"]

    assert {"id": str(karim.id), "name": "Karim Benali"} in named
    assert str(nathalie.id) not in {member["id"] for member in named}
    assert (await desk.get(nathalie, "/staff")).status_code == 403
