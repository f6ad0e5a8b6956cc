"""A request is closed, for good."""

from uuid import UUID

import pytest

from chassis.testing import published, published_again
from contracts.tickets.events import Side, TicketResolved
from tickets.operations.republishing import from_tables


@pytest.mark.parametrize("answered", [False, True])
async def test_the_customer_resolves_their_own_request(desk, session, nathalie, karim, answered):
    number = await desk.opened(nathalie)
    if answered:
        await desk.say(karim, number)
    answer = await desk.resolve(nathalie, number)

    assert answer.status_code == 200, answer.text
    ticket = answer.json()
    assert (ticket["status"], ticket["waiting_since"]) == ("resolved", None)
    assert ticket["waiting_for_customer"] is False
    assert ticket["resolved_by_name"] == "Nathalie Rousseau"
    assert ticket["resolved_by_customer"] is True
    assert ticket["resolved_at"] == ticket["last_activity_at"]

    event = (await published(session))[-1]
    assert isinstance(event, TicketResolved)
    assert (event.ticket_id, event.version) == (UUID(ticket["id"]), ticket["version"])
    assert (event.resolved_by, event.resolved_by_side) == (nathalie.id, Side.CUSTOMER)
    assert event.customer_id == nathalie.id


@pytest.mark.parametrize("role", ["technician", "seller", "administrator"])
async def test_every_member_of_staff_resolves(desk, session, someone, nathalie, role):
    number = await desk.opened(nathalie)
    staff = someone(role, "Camille Petit")
    ticket = (await desk.resolve(staff, number)).json()

    assert ticket["status"] == "resolved"
    assert ticket["resolved_by_name"] == "Camille Petit"
    assert ticket["resolved_by_customer"] is False
    event = (await published(session))[-1]
    assert isinstance(event, TicketResolved)
    assert event.resolved_by_side == Side.STAFF


async def test_repeating_it_is_harmless(desk, session, nathalie):
    number = await desk.opened(nathalie)
    first, second = await desk.resolve(nathalie, number), await desk.resolve(nathalie, number)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert len(await published(session)) == 2


async def test_what_somebody_else_resolved_is_resolved(desk, session, nathalie, karim, julien):
    number = await desk.opened(nathalie)
    await desk.resolve(karim, number)
    for who in (nathalie, julien):
        answer = await desk.resolve(who, number)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket_resolved")

    assert (await desk.read(nathalie, number))["ticket"]["resolved_by_name"] == "Karim Benali"
    assert len(await published(session)) == 2


async def test_events_deleted_from_the_outbox_are_rebuilt_from_the_tables(
    desk, session, nathalie, karim
):
    number = await desk.opened(nathalie)
    await desk.note(karim, number)
    await desk.say(karim, number)
    await desk.say(nathalie, number)
    await desk.resolve(nathalie, number)
    other = await desk.opened(nathalie)
    await desk.say(karim, other)
    await desk.opened(nathalie, follows=number)
    before = await published(session)
    assert len(before) == 7
    again = await published_again(session, from_tables)
    assert sorted(again, key=str) == sorted(before, key=str)
    for ticket_id in {event.subject for event in before}:
        assert [event for event in again if event.subject == ticket_id] == [
            event for event in before if event.subject == ticket_id
        ]
