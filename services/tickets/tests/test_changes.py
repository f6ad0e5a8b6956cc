"""What happened since a moment: everything, or a word that all is to be read again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from chassis.pruning import prune
from tickets.models import Change
from tickets.operations.changes import OLD_CHANGES
from tickets.queries.changes import MAX_CHANGES, Snapshot


async def changes(desk, who, since):
    answer = await desk.get(who, "/changes", since=since)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def now(desk, who):
    """The moment that a page shows."""
    path = "/counts" if who.role != "customer" else "/mine/counts"
    return (await desk.get(who, path)).json()["as_of"]


TRANSACTIONS = range(9)


@st.composite
def snapshots(draw):
    running = draw(st.frozensets(st.sampled_from(TRANSACTIONS)))
    following = draw(st.integers(max(running, default=-1) + 1, len(TRANSACTIONS)))
    return Snapshot("", min(running, default=following), following, running)


@given(snapshots(), snapshots())
def test_a_snapshot_that_follows_another_leaves_out_nothing_of_it(one, other):
    seen, before = ({each for each in TRANSACTIONS if it.saw(each)} for it in (one, other))
    # What nobody has begun yet is in neither, though one may know of more that was.
    assert not one.follows(other) or before <= seen
    assert one.follows(other) or not before <= seen or one.next < other.next


async def test_staff_get_all_changes_since_a_page(busy_desk, nathalie, karim):
    number = await busy_desk.opened(nathalie)
    before = await now(busy_desk, karim)
    await busy_desk.note(karim, number)
    await busy_desk.prioritise(karim, number, "low")
    received = await changes(busy_desk, karim, before)
    assert [change["what"] for change in received["changes"]] == ["note", "priority"]
    assert received["everything"] is False
    assert (await changes(busy_desk, karim, received["as_of"]))["changes"] == []


async def test_customers_get_changes_of_their_own_requests_that_they_may_see(
    busy_desk, nathalie, marc, karim
):
    number, other = await busy_desk.opened(nathalie), await busy_desk.opened(marc)
    before = await now(busy_desk, nathalie)
    await busy_desk.note(karim, number)
    await busy_desk.prioritise(karim, number, "low")
    await busy_desk.say(karim, other)
    await busy_desk.say(karim, number)
    received = await changes(busy_desk, nathalie, before)
    assert received["changes"] == [
        {"number": number, "what": "message", "by_staff": True, "version": 2}
    ]
    assert (await changes(busy_desk, nathalie, received["as_of"]))["changes"] == []


async def test_nothing_is_left_out_while_a_transaction_runs_long(busy_desk, nathalie, marc, karim):
    """What is committed late is told, and what was told before is not told again."""
    number = await busy_desk.opened(nathalie)
    async with busy_desk.database.transaction() as session:
        await session.execute(text("SELECT pg_current_xact_id()"))
        before = await now(busy_desk, karim)
        later = await busy_desk.opened(marc)
        received = await changes(busy_desk, karim, before)
        assert [change["number"] for change in received["changes"]] == [later]
        session.add(
            Change(
                number=number,
                customer_id=nathalie.id,
                what="message",
                by_staff=True,
                version=9,
                visible_version=9,
            )
        )
    received = await changes(busy_desk, karim, received["as_of"])
    assert [(change["number"], change["version"]) for change in received["changes"]] == [
        (number, 9)
    ]


async def test_too_many_changes_are_not_listed_one_by_one(busy_desk, nathalie, karim):
    before = await now(busy_desk, karim)
    async with busy_desk.database.transaction() as session:
        for number in range(MAX_CHANGES + 1):
            session.add(
                Change(
                    number=number,
                    customer_id=nathalie.id,
                    what="message",
                    by_staff=True,
                    version=1,
                    visible_version=1,
                )
            )
    for who in (karim, nathalie):
        received = await changes(busy_desk, who, before)
        assert (received["changes"], received["everything"]) == ([], True)
        assert (await changes(busy_desk, who, received["as_of"]))["everything"] is False


async def test_an_old_snapshot_is_reported_as_expired(busy_desk, nathalie, karim):
    long_ago = await now(busy_desk, karim)
    await busy_desk.opened(nathalie)
    await busy_desk.opened(nathalie)
    async with busy_desk.database.transaction() as session:
        await session.execute(
            update(Change).values(changed_at=Change.changed_at - timedelta(hours=25))
        )
    yesterday = await now(busy_desk, karim)
    await busy_desk.opened(nathalie)
    await prune(busy_desk.database, OLD_CHANGES)
    async with busy_desk.database.transaction() as session:
        stored = list(await session.scalars(select(Change).order_by(Change.position)))
    assert len(stored) == 2
    assert stored[0].position > 1

    assert (await changes(busy_desk, karim, long_ago))["everything"] is True
    received = await changes(busy_desk, karim, yesterday)
    assert received["everything"] is False
    assert [change["number"] for change in received["changes"]][-1] == stored[-1].number


async def test_forgetting_twice_forgets_nothing_more(busy_desk, nathalie):
    await busy_desk.opened(nathalie)
    await prune(busy_desk.database, OLD_CHANGES)
    assert await prune(busy_desk.database, OLD_CHANGES) == 0
    async with busy_desk.database.transaction() as session:
        assert (await session.scalars(select(Change))).first() is not None


async def test_the_moment_of_another_database_is_not_believed(busy_desk, karim):
    received = await changes(busy_desk, karim, f"{10**17}:{10**17}:")
    assert (received["changes"], received["everything"]) == ([], True)


@pytest.mark.parametrize(
    "since",
    [
        "",
        "x",
        "-1",
        "1",
        "1:2",
        "1:2:3",
        "2:1:",
        "1:2:x",
        "1:9:5,4",
        "1:9:5,5",
        "1:9:0",
        "0:0:",
        "1:9:9",
        "1:2:,",
        ":::",
        "1:9:5,",
        "1:9: 5",
        "9" * 19 + ":1:",
        "²:3:",
        "\u0661:\u0662:",
        "1:9000:" + ",".join(map(str, range(2, 2000))),
    ],
)
async def test_what_no_answer_gave_is_refused(desk, karim, since):
    answer = await desk.get(karim, "/changes", since=since)
    assert (answer.status_code, answer.json()["code"]) == (422, "since_invalid")
    assert answer.json()["errors"][0]["field"] == "since"


async def test_a_moment_is_required(desk, karim):
    answer = await desk.get(karim, "/changes")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "required")
