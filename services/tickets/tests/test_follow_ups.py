"""A new request can follow a resolved one, and both show the link."""

import pytest

from chassis.testing import published
from contracts.tickets.events import TicketOpened


@pytest.fixture
async def resolved(desk, nathalie):
    """The number of a resolved request of Nathalie's."""
    number = await desk.opened(nathalie)
    await desk.resolve(nathalie, number)
    return number


async def test_a_follow_up_copies_the_product_and_both_show_the_link(
    desk, resolved, nathalie, karim
):
    before = (await desk.read(nathalie, resolved))["ticket"]
    answer = await desk.open(nathalie, follows=resolved)

    assert answer.status_code == 201, answer.text
    ticket = answer.json()
    assert ticket["product"] == before["product"]
    assert (ticket["follows"], ticket["followed_by"]) == (resolved, [])
    for who in (nathalie, karim):
        followed = (await desk.read(who, resolved))["ticket"]
        assert (followed["follows"], followed["followed_by"]) == (None, [ticket["number"]])
        assert (await desk.read(who, ticket["number"]))["ticket"]["follows"] == resolved


async def test_a_follow_up_is_announced_with_the_request_it_takes_up(
    desk, session, resolved, nathalie
):
    followed = (await desk.read(nathalie, resolved))["ticket"]
    await desk.open(nathalie, follows=resolved)
    event = (await published(session))[-1]
    assert isinstance(event, TicketOpened)
    assert str(event.follows_ticket_id) == followed["id"]


async def test_a_resolved_request_stays_as_it_was(desk, resolved, nathalie):
    before = (await desk.read(nathalie, resolved))["ticket"]
    await desk.open(nathalie, follows=resolved)
    after = (await desk.read(nathalie, resolved))["ticket"]
    assert {**after, "followed_by": [], "as_of": ""} == {**before, "as_of": ""}


async def test_several_requests_may_follow_one(desk, resolved, nathalie):
    numbers = [(await desk.open(nathalie, follows=resolved)).json()["number"] for _ in range(3)]
    assert (await desk.read(nathalie, resolved))["ticket"]["followed_by"] == numbers


async def test_the_product_may_be_named_again_but_not_another_one(desk, nathalie):
    sale, other = await desk.sell(nathalie), await desk.sell(nathalie)
    number = await desk.opened(nathalie, sale=sale)
    await desk.resolve(nathalie, number)

    assert (await desk.open(nathalie, sale, follows=number)).status_code == 201
    answer = await desk.open(nathalie, other, follows=number)
    assert (answer.status_code, answer.json()["code"]) == (409, "followed_other_product")
    assert answer.json()["errors"][0]["field"] == "sale_id"


@pytest.mark.parametrize("answered", [False, True])
async def test_a_request_that_is_not_resolved_cannot_be_followed(desk, nathalie, karim, answered):
    number = await desk.opened(nathalie)
    if answered:
        await desk.say(karim, number)
    answer = await desk.open(nathalie, follows=number)
    assert (answer.status_code, answer.json()["code"]) == (409, "followed_ticket_unresolved")
    assert answer.json()["errors"][0]["field"] == "follows"


async def test_nobody_follows_the_request_of_another(desk, session, resolved, marc):
    before = len(await published(session))
    of_another = await desk.open(marc, follows=resolved)
    missing = await desk.open(marc, follows=999_999)

    assert (of_another.status_code, of_another.json()["code"]) == (409, "followed_ticket_unknown")
    assert of_another.json() == missing.json()
    assert len(await published(session)) == before


async def test_nobody_follows_on_a_sale_cancelled_since(desk, nathalie):
    sale = await desk.sell(nathalie)
    number = await desk.opened(nathalie, sale=sale)
    await desk.resolve(nathalie, number)
    await desk.receive(desk.cancellation(sale))
    assert (await desk.open(nathalie, follows=number)).json()["code"] == "sale_cancelled"


@pytest.mark.parametrize("follows", [-1, 10**18, "abc", 1.5])
async def test_an_invalid_number_is_refused(desk, nathalie, follows):
    answer = await desk.open(nathalie, follows=follows)
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} >= {"follows"}


async def test_a_product_shows_its_newest_unresolved_request(desk, nathalie, karim):
    sale = await desk.sell(nathalie)

    async def offered():
        [product] = (await desk.get(nathalie, "/owned-products")).json()["owned_products"]
        return product["open_ticket"]

    assert await offered() is None
    first, second = await desk.opened(nathalie, sale=sale), await desk.opened(nathalie, sale=sale)
    assert await offered() == second
    await desk.resolve(nathalie, second)
    assert await offered() == first
    await desk.say(karim, first)
    assert await offered() == first
    await desk.resolve(karim, first)
    assert await offered() is None
