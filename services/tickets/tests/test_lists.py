"""The queues of the staff and the lists of customers."""

import pytest

from contracts.tickets.api import CustomerView, StaffView


@pytest.fixture
async def requests(desk, nathalie, karim):
    """The number of one request in every situation, opened in this order, by its name."""
    open_, written, answered, replied, again, closed, done = [
        await desk.opened(nathalie, subject=f"Sujet {n}") for n in range(7)
    ]
    for number in (answered, replied, again, done):
        await desk.say(karim, number, "Une réponse.")
    for number in (written, replied, again):
        await desk.say(nathalie, number, "Une précision.")
    await desk.say(karim, again, "Encore une réponse.")
    await desk.resolve(karim, done)
    await desk.resolve(nathalie, closed)
    return {
        "open": open_,
        "written": written,
        "answered": answered,
        "replied": replied,
        "again": again,
        "closed": closed,
        "done": done,
    }


@pytest.mark.parametrize(
    ("view", "names"),
    [
        # The longest wait first: a second message never loses the place.
        (StaffView.TO_HANDLE, ["open", "written", "replied"]),
        (StaffView.OPEN, ["open", "written"]),
        # The newest activity first.
        (StaffView.IN_PROGRESS, ["again", "replied", "answered"]),
        (StaffView.WAITING_CUSTOMER, ["again", "answered"]),
        (StaffView.RESOLVED, ["closed", "done"]),
    ],
)
async def test_staff_see_each_request_where_it_belongs(desk, requests, julien, view, names):
    assert await desk.numbers(julien, "", view=view) == [requests[name] for name in names]


@pytest.mark.parametrize(
    ("view", "names"),
    [
        (
            CustomerView.ALL,
            ["closed", "done", "again", "replied", "written", "answered", "open"],
        ),
        (CustomerView.AWAITING_ME, ["again", "answered"]),
        (CustomerView.OTHERS, ["replied", "written", "open", "closed", "done"]),
    ],
)
async def test_customers_see_their_own_unresolved_first(desk, requests, nathalie, view, names):
    numbers = await desk.numbers(nathalie, "/mine", view=view)
    assert numbers == [requests[name] for name in names]


async def test_lists_begin_with_what_is_to_be_done(desk, requests, nathalie, karim):
    assert await desk.numbers(karim, "") == await desk.numbers(karim, "", view="to_handle")
    assert len(await desk.numbers(nathalie, "/mine")) == 7


async def test_a_line_says_who_spoke_last_and_what(desk, requests, nathalie, karim):
    page = (await desk.get(karim, "", view="waiting_customer")).json()
    line = page["tickets"][0]
    assert (line["number"], line["status"]) == (requests["again"], "in_progress")
    assert line["waiting_for_customer"] is True
    assert (line["subject"], line["customer_name"]) == ("Sujet 4", "Nathalie Rousseau")
    assert line["customer_id"] == str(nathalie.id)
    assert (line["reference"], line["serial_number"]) == ("HP-4103", "PHBQ74K2M910XTD")
    assert line["designation"] == "Imprimante HP LaserJet 4103dw"
    assert (line["last_author_name"], line["last_text"]) == ("Karim Benali", "Encore une réponse.")
    assert (line["waiting_since"], line["resolved_at"]) == (None, None)


async def test_staff_narrow_a_view_to_one_customer(desk, requests, nathalie, marc, karim):
    of_marc = await desk.opened(marc)
    assert await desk.numbers(karim, "", view="open", customer_id=marc.id) == [of_marc]
    assert of_marc not in await desk.numbers(karim, "", view="open", customer_id=nathalie.id)
    assert await desk.numbers(karim, "", view="resolved", customer_id=marc.id) == []


async def test_lists_of_staff_are_for_staff_and_those_of_customers_for_customers(
    desk, nathalie, karim, julien, claire
):
    for path in ("", "/counts"):
        assert (await desk.get(nathalie, path)).status_code == 403
        for staff in (karim, julien, claire):
            assert (await desk.get(staff, path)).status_code == 200
    for path in ("/mine", "/mine/counts", "/owned-products"):
        assert (await desk.get(nathalie, path)).status_code == 200
        for staff in (karim, julien, claire):
            assert (await desk.get(staff, path)).status_code == 403


FILLED = {
    StaffView.TO_HANDLE: {"status": "open", "answered": False},
    StaffView.OPEN: {"status": "open", "answered": False},
    StaffView.IN_PROGRESS: {"status": "in_progress", "answered": False},
    StaffView.WAITING_CUSTOMER: {"status": "in_progress", "answered": True},
    StaffView.RESOLVED: {"status": "resolved", "answered": True},
}


@pytest.mark.parametrize("view", list(StaffView))
async def test_pages_give_everything_once(desk, nathalie, karim, view):
    """Though ten at a time share their moment, and pages end amid them."""
    await desk.many(nathalie, 60, **FILLED[view])
    paged = await desk.numbers(karim, "", view=view, limit=7)

    assert paged == await desk.numbers(karim, "", view=view, limit=50)
    assert len(set(paged)) == len(paged) >= 60


@pytest.mark.parametrize("view", list(CustomerView))
async def test_pages_of_customers_give_everything_once(desk, nathalie, view):
    await desk.many(nathalie, 60, status="in_progress", answered=view == "awaiting_me")
    if view != CustomerView.AWAITING_ME:
        await desk.many(nathalie, 20, status="resolved", answered=False)
    paged = await desk.numbers(nathalie, "/mine", view=view, limit=7)
    assert len(set(paged)) == len(paged) >= 60
    assert paged == await desk.numbers(nathalie, "/mine", view=view, limit=50)


async def test_the_last_page_says_that_nothing_follows(desk, nathalie, karim):
    await desk.many(nathalie, 49, status="open", answered=False)
    page = (await desk.get(karim, "", view="open", limit=50)).json()
    assert (len(page["tickets"]), page["next"]) == (50, None)


async def test_every_view_is_counted(desk, requests, nathalie, marc, karim):
    await desk.opened(marc)
    counts = (await desk.get(karim, "/counts")).json()["counts"]
    assert counts == {
        "to_handle": 4,
        "open": 3,
        "in_progress": 3,
        "waiting_customer": 2,
        "resolved": 2,
        "unread": 4,
    }
    mine = (await desk.get(nathalie, "/mine/counts")).json()["counts"]
    assert mine == {"all": 7, "awaiting_me": 2, "others": 5}


async def test_counts_are_exact_to_1000_and_never_above_1001(desk, nathalie, karim):
    await desk.many(nathalie, 999, status="resolved", answered=True)
    await desk.many(nathalie, 1000, status="in_progress", answered=True)
    await desk.many(nathalie, 1100, status="open", answered=False)
    await desk.resolve(nathalie, (await desk.numbers(karim, "", view="open"))[-1])

    counts = (await desk.get(karim, "/counts")).json()["counts"]
    assert (counts["resolved"], counts["in_progress"], counts["open"]) == (1000, 1000, 1001)
    mine = (await desk.get(nathalie, "/mine/counts")).json()["counts"]
    assert (mine["awaiting_me"], mine["others"], mine["all"]) == (1000, 1001, 1001)
