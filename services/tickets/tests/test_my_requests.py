"""Customers narrow and search their own requests."""

from uuid import uuid4

import pytest

from contracts.sales.events import SoldProduct

SCANNER = SoldProduct(id=uuid4(), reference="EP-39", designation="Scanner Epson")


@pytest.fixture
async def requests(desk, nathalie, marc, karim):
    """Nathalie's requests by name, the newest activity last; Marc has the same words."""
    printer = await desk.sell(nathalie)
    scanner = await desk.sell(nathalie, product=SCANNER, serial_number="EPSON9876543210")
    paper = await desk.opened(
        nathalie, sale=printer, subject="Bourrage papier", description="Toutes les dix pages."
    )
    noise = await desk.opened(
        nathalie, sale=scanner, subject="Bruit étrange", description="Il grince très fort."
    )
    done = await desk.opened(nathalie, sale=printer, subject="Encre", description="Résolu.")
    await desk.say(karim, noise, "Depuis quand ?")
    await desk.note(karim, noise, "Elle exagère toujours.")
    await desk.resolve(nathalie, done, text="C’était le papier.")
    await desk.opened(marc, subject="Bourrage papier", description="Il grince. Résolu.")
    return {"paper": paper, "noise": noise, "done": done, "printer": printer, "scanner": scanner}


@pytest.fixture
def found(desk, requests, nathalie):
    names = {number: name for name, number in requests.items() if isinstance(number, int)}

    async def search(**parameters):
        return [names[number] for number in await desk.numbers(nathalie, "/mine", **parameters)]

    return search


async def test_they_are_narrowed_by_status_and_product(found, requests):
    assert await found() == ["done", "noise", "paper"]
    assert await found(status="open") == ["paper"]
    assert await found(status="in_progress") == ["noise"]
    assert await found(status="resolved") == ["done"]
    printer, scanner = requests["printer"], requests["scanner"]
    assert await found(sale_id=printer.sale_id) == ["done", "paper"]
    assert await found(product_id=scanner.product.id) == ["noise"]
    assert await found(product_id=printer.product.id, status="open") == ["paper"]
    assert await found(view="awaiting_me", status="open") == []
    assert await found(view="awaiting_me", product_id=scanner.product.id) == ["noise"]
    assert await found(sale_id=uuid4()) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("bourrages", ["paper"]),
        ("papier", ["done", "paper"]),
        ("papier pages", ["paper"]),
        ("GRINCE tres", ["noise"]),
        ("étranges bruits", ["noise"]),
        ("depuis quand", ["noise"]),  # what staff wrote to them
        ("dix pag", ["paper"]),  # not typed to its end
        ("exagère", []),  # a note
        ("toujours", []),
        ("Karim", ["noise"]),  # who answered
        ("EPSON9876543210", ["noise"]),
        ("epson 98765 43210", ["noise"]),
        ("", ["done", "noise", "paper"]),
        ("   ", ["done", "noise", "paper"]),
        ("de la", []),  # words without a meaning
        ("!?", []),
        ("' | *:* & !", []),
        ("<b>papier</b>", []),  # nobody wrote « b »
    ],
)
async def test_they_are_searched_by_words(found, text, names):
    assert await found(q=text) == names


async def test_they_are_searched_by_number(found, requests):
    number = requests["paper"]
    for text in (str(number), f"n° {number}", f"#{number}", f" {number} ", f"N°{number}"):
        assert await found(q=text) == ["paper"], text
    assert await found(q=f"{number}", status="resolved") == []


async def test_nobody_finds_the_requests_of_another(desk, requests, marc):
    for text in (str(requests["paper"]), "EPSON9876543210", "étrange", "quand"):
        assert await desk.numbers(marc, "/mine", q=text) == []
    assert len(await desk.numbers(marc, "/mine", q="bourrage")) == 1
    assert await desk.numbers(marc, "/mine", sale_id=requests["printer"].sale_id) == []


async def test_pages_of_a_search_give_everything_once(desk, nathalie):
    numbers = [
        await desk.opened(nathalie, subject="Panne" if n % 3 else "Autre") for n in range(14)
    ]
    paged = await desk.numbers(nathalie, "/mine", q="panne", limit=2)
    assert paged == [number for n, number in enumerate(numbers) if n % 3][::-1]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("status", "closed"),
        ("sale_id", "abc"),
        ("product_id", "abc"),
        ("q", "a\x00b"),
        ("view", "to_handle"),
    ],
)
async def test_a_wrong_parameter_is_named(desk, nathalie, parameter, value):
    answer = await desk.get(nathalie, "/mine", **{parameter: value})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [parameter]


async def test_a_first_page_is_one_answer(desk, nathalie, marc, karim):
    answered, waiting = await desk.opened(nathalie), await desk.opened(nathalie)
    await desk.opened(marc)
    await desk.say(karim, answered)
    home = (await desk.get(nathalie, "/home")).json()

    assert [line["number"] for line in home["awaiting"]["tickets"]] == [answered]
    assert [line["number"] for line in home["others"]["tickets"]] == [waiting]
    assert home["others"]["counts"] == {"all": 2, "awaiting_me": 1, "others": 1}
    assert {each["open_ticket"] for each in home["owned"]["owned_products"]} == {answered, waiting}
    assert (await desk.get(karim, "/home")).status_code == 403
    beyond = (
        await desk.get(
            nathalie, "/home", after="W2ZhbHNlLCIyMDIwLTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwxXQ"
        )
    ).json()
    assert beyond["awaiting"]["tickets"] == beyond["others"]["tickets"] == []
    narrowed = (await desk.get(nathalie, "/home", status="open")).json()
    assert narrowed["awaiting"]["tickets"] == []
    assert [line["number"] for line in narrowed["others"]["tickets"]] == [waiting]
