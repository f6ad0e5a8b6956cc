"""The search of all sales: by any part of what is known of them, and by day."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chassis.testing import token
from chassis.text.cases import FOUND
from chassis.text.folding import count_letters
from contracts.identity.roles import Role
from contracts.text import SEARCH_SHORTEST
from sales import queries

SELLER = token(Role.SELLER)


@pytest.fixture
async def sold(client, shop):
    """Three sales: Inès Dubois bought two of these, Éloïse Lefèvre-Martin one."""
    await shop.hears_of_product(
        version=2, reference="100-100000910WOF", designation="Œilleton Ryzen™ 7 réglable"
    )
    first = await sell(client, shop, "SN0000000000001", "2026-11-02")
    second = await sell(client, shop, "SN0000000000002", "2026-11-10")
    shop.customer_id = uuid4()
    await shop.hears_of_customer(
        first_name="Éloïse", last_name="Lefèvre-Martin", email="Eloise_100%@exemple.fr"
    )
    third = await sell(client, shop, "AB0000000000003", "2026-11-20")
    return [first, second, third]


async def sell(client, shop, serial_number, sold_on):
    body = shop.sale(serial_number=serial_number, sold_on=sold_on)
    answer = await client.post("/api/sales", json=body, headers=SELLER)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def search(client):
    async def search(text="", **more):
        answer = await client.post("/api/sales/search", json={"text": text, **more}, headers=SELLER)
        assert answer.status_code == 200, answer.text
        return [sale["serial_number"][-1] for sale in answer.json()["sales"]]

    return search


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SN0000000000001", "1"),
        ("sn00", "21"),
        ("SN00-0000-0000-001", "1"),
        ("S/N : SN0000000000001", "1"),
        ("n° de série ab00000000 00003", "3"),
        ("s/n 0000002", "2"),
        ("0000003", "3"),  # no number of a sale has so many zeros
        ("dubois", "21"),
        ("INES", "21"),
        ("eloise", "3"),
        ("Lefèvre", "3"),
        ("martin", "3"),
        ("100-100000910wof", "321"),
        ("100100000910 wof", "321"),
        ("0910-wof", "321"),
        ("ryzen7", "321"),
        ("Lefèvre Martin", "3"),
        ("lefe\u00advremartin", "3"),
        ("inesdub", "21"),
        ("nesdub", ""),
        ("ryzen", "321"),
        ("oeilleton", "321"),
        ("reglable dubois", "21"),
        ("  ryzen   7 ", "321"),
        ("ryzen k martin", ""),
        ("_100%", "3"),
        ("ryzen_", ""),
        ("%_%111", ""),
        ("ry 7", "321"),
        ("7 wof", "321"),
        ("sn 0 du", "21"),
        ("d u b", "21"),
        ("éx fr", "3"),
        ("zq 7", ""),
        ("exemple.fr", "3"),
        ("'; drop table sales; --", ""),
    ],
)
async def test_every_word_must_occur_somewhere_newest_first(search, sold, text, found):
    assert await search(text) == list(found)


async def test_a_number_for_people_finds_its_sale(search, sold):
    number = sold[1]["number"]
    for text in (number, f"Vente n° {number.lower()}", number.replace("-", " ")):
        assert "2" in await search(text), text
    assert await search(number) == ["2"]


def shown(answer):
    return [sale["serial_number"] for sale in answer.json()["sales"]]


@pytest.mark.parametrize("newest", [2_000, 1], ids=["among the newest", "by the index"])
async def test_what_every_search_finds(client, shop, monkeypatch, newest):
    """But for texts of less than three letters and digits."""
    monkeypatch.setattr(queries, "NEWEST", newest)
    cases = [case for case in FOUND if count_letters(case[1]) >= SEARCH_SHORTEST]
    for number, (written, _) in enumerate(cases):
        shop.product_id = uuid4()
        await shop.hears_of_product(designation=written, reference=f"{number:09}")
        await sell(client, shop, f"SN{number:012}X", "2026-11-02")
    for number, (written, typed) in enumerate(cases):
        body = {"text": typed, "limit": 50}
        answer = await client.post("/api/sales/search", json=body, headers=SELLER)
        assert f"SN{number:012}X" in shown(answer), (written, typed)


async def test_pages_of_short_words_hold_every_sale_once(client, sold, monkeypatch):
    """Also where they go on from the newest sales to the index."""
    monkeypatch.setattr(queries, "NEWEST", 2)
    serials, after = [], None
    for _ in range(3):
        body = {"text": "ry 7", "limit": 1, "after": after}
        answer = await client.post("/api/sales/search", json=body, headers=SELLER)
        serials += shown(answer)
        after = answer.json()["next"]
    assert after is None
    assert serials == ["AB0000000000003", "SN0000000000002", "SN0000000000001"]


async def test_a_customer_is_found_under_the_name_they_have_now(search, sold, shop):
    await shop.hears_of_customer(
        version=2, first_name="Éloïse", last_name="Garnier", email="eloise@exemple.fr"
    )
    assert await search("garnier") == ["3"]
    assert await search("lefevre") == []


async def test_a_cancelled_sale_is_found(client, search, sold):
    await client.post(
        f"/api/sales/{sold[0]['id']}/cancellation", json={"reason": "erreur"}, headers=SELLER
    )
    assert await search("dubois") == ["2", "1"]


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ({"sold_from": "2026-11-10"}, "32"),
        ({"sold_to": "2026-11-10"}, "21"),
        ({"sold_from": "2026-11-10", "sold_to": "2026-11-10"}, "2"),
        ({"sold_from": "2026-11-11", "sold_to": "2026-11-10"}, ""),
        ({"sold_from": None, "sold_to": None}, "321"),
    ],
)
async def test_days_narrow_the_search_and_are_enough_for_one(search, sold, days, found):
    assert await search(**days) == list(found)
    assert await search("ryzen", **days) == list(found)


async def test_pages_of_a_search_hold_every_sale_once(client, sold):
    serials, after = [], None
    for _ in range(3):
        body = {"text": "ryzen", "limit": 1, "after": after}
        page = (await client.post("/api/sales/search", json=body, headers=SELLER)).json()
        serials += [sale["serial_number"] for sale in page["sales"]]
        after = page["next"]
    assert after is None
    assert serials == ["AB0000000000003", "SN0000000000002", "SN0000000000001"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"text": "ab"}, "text", "search_too_short"),
        ({"text": "a - b"}, "text", "search_too_short"),
        ({"text": "%%%"}, "text", "search_too_short"),
        ({"text": "a\0b"}, "text", "text_nul"),
        ({"text": None}, "text", "string_type"),
        ({"sold_from": "hier"}, "sold_from", "date_unreadable"),
        ({"sold_to": 86400}, "sold_to", "date_unreadable"),
        ({"limit": 51}, "limit", "less_than_equal"),
        ({"after": "nonsense"}, "after", "cursor_invalid"),
    ],
)
async def test_a_wrong_search_is_refused(client, body, field, code):
    answer = await client.post("/api/sales/search", json=body, headers=SELLER)
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)


async def test_customers_search_nothing(client):
    answer = await client.post("/api/sales/search", json={}, headers=token(Role.CUSTOMER))
    assert answer.status_code == 403


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_every_part_of_three_characters_finds_its_sale(search, sold, data):
    words = [
        "AB0000000000003",
        "100-100000910WOF",
        "Œilleton",
        "Ryzen™",
        "réglable",
        "Éloïse",
        "Lefèvre-Martin",
        "Eloise_100%@exemple.fr",
    ]
    word = data.draw(st.sampled_from(words))
    start = data.draw(st.integers(0, len(word) - 3))
    end = data.draw(st.integers(start + 3, len(word)))
    part = data.draw(st.sampled_from([str.lower, str.upper, str]))(word[start:end])
    assume(count_letters(part) >= SEARCH_SHORTEST)
    assert "3" in await search(part)
