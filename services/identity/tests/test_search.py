"""Customers are found by any part of what staff may remember of them."""

import pytest
from sqlalchemy import text

from chassis.http import paging
from chassis.text.cases import FOUND
from contracts.identity.roles import Role

PEOPLE = [
    ("Hélène", "Lefèvre", "helene@orange.example"),
    ("Jean-Marie", "Dupont", "jm.dupont@free.example"),
    ("Marie", "Dupont-Moretti", "marie@gmail.example"),
    ("Anne", "D’Almeida", "anne_da@gmail.example"),
    ("Zoé", "O'Brien", "zoe+achats@gmail.example"),
    ("Łukasz", "Ørsted", "lukasz@gmail.example"),
    ("Ngọc", "Nguyễn", "ngoc@gmail.example"),
    ("Éric", "de La Tour", "tour@gmail.example"),
    ("100%", "Remise", "remise@gmail.example"),
]


@pytest.fixture
async def shop(people):
    for first_name, last_name, email in PEOPLE:
        await people.registered(first_name=first_name, last_name=last_name, email=email)
    return people


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lefevre", ["helene@"]),
        ("LEFÈVRE", ["helene@"]),
        ("lefe\u0300vre", ["helene@"]),
        ("hélene lef", ["helene@"]),
        ("lef hélene", ["helene@"]),
        ("efev", ["helene@"]),  # three characters or more: any part
        ("ef", []),  # two: beginnings of words
        ("le", ["helene@"]),
        ("he", ["helene@"]),
        ("l h", ["helene@"]),  # so does one
        ("la to", ["tour@"]),
        ("mo", ["marie@"]),  # the words of a compound name, too
        ("al", ["anne_da@"]),
        ("d'al", ["anne_da@"]),
        ("d’al", ["anne_da@"]),
        ("o'brien", ["zoe+achats@"]),
        ("achats", ["zoe+achats@"]),
        ("@orange", ["helene@"]),
        ("jm.dupont@free.example", ["jm.dupont@"]),
        ("lukasz orsted", ["lukasz@"]),
        ("nguyen ngoc", ["ngoc@"]),
        ("dupont marie", ["jm.dupont@", "marie@"]),
        ("dupont - marie", ["jm.dupont@", "marie@"]),
        ("dupont dupont", ["jm.dupont@", "marie@"]),
        ("a_d", []),  # signs with a meaning in LIKE have none here
        ("e_d", ["anne_da@"]),
        ("%%%", []),
        ("100%", ["remise@"]),
        ("la-tour", ["tour@"]),
        ("delatour", ["tour@"]),
        ("jean marie", ["jm.dupont@"]),
        ("jean-marie", ["jm.dupont@"]),
        ("jeanmarie", ["jm.dupont@"]),
        ("dupontm", ["marie@"]),
        ("obrien", ["zoe+achats@"]),
        ("ob", ["zoe+achats@"]),
        ("o’bri", ["zoe+achats@"]),
        ("da\u00adlm\u200beida", ["anne_da@"]),
        ("jm dupont", ["jm.dupont@"]),
        ("dupont\N{EN DASH}moretti", ["marie@"]),
        ("martin", []),
        ("<script>", []),
        ("{{7*7}}", []),
    ],
)
async def test_customers_are_found(shop, words, expected):
    expected = sorted(expected)
    assert sorted(email.partition("@")[0] + "@" for email in await shop.found(words)) == expected


async def test_whole_words_come_first_then_beginnings_then_the_rest_by_name(people):
    for first_name, last_name, email in [
        ("Zoé", "Martin", "a@x.example"),
        ("Anne", "Martin", "b@x.example"),
        ("Anne", "Martineau", "c@x.example"),
        ("Paul", "Abel", "saintmartin@x.example"),
        ("Martin", "Bernard", "d@x.example"),
        ("Luc", "Albert", "martinet@x.example"),
    ]:
        await people.registered(first_name=first_name, last_name=last_name, email=email)
    order = ["d@", "b@", "a@", "martinet@", "c@", "saintmartin@"]
    assert [email.partition("x.")[0] for email in await people.found("martin")] == order


async def test_without_a_text_everyone_is_listed_by_name(shop):
    found = await shop.found("")
    assert len(found) == len(PEOPLE)
    assert found[:3] == ["anne_da@gmail.example", "tour@gmail.example", "jm.dupont@free.example"]
    assert await shop.found("   ") == found
    assert await shop.found(" - ’\u200b\\") == found


async def test_what_every_search_finds(people):
    found = [(written, typed) for written, typed in FOUND if written[0].isalpha()]
    for number, (written, _) in enumerate(found):
        await people.registered(last_name=written, first_name="X", email=f"{number}@x.example")
    for number, (written, typed) in enumerate(found):
        addresses = await people.found(typed, limit=50)
        assert f"{number}@x.example" in addresses, (written, typed)


async def test_staff_are_not_among_customers(people):
    await people.hired(Role.SELLER, last_name="Dupont")
    assert await people.found("dupont") == []
    assert await people.found("") == []


async def test_a_changed_name_is_found_and_the_former_one_is_not(people):
    customer = await people.registered(last_name="Dupont")
    path = f"/customers/{customer['id']}"
    await people.client.patch(path, json={"last_name": "Leroy"}, headers=people.seller)
    assert await people.found("dupont") == []
    assert len(await people.found("leroy")) == 1


async def pages(people, words, limit):
    """Everything page after page, and what each page said of the number of matches."""
    found, counts, after = [], set(), None
    while True:
        body = {"text": words, "limit": limit, "after": after}
        page = (await people.post("/customers/search", body, people.seller)).json()
        assert len(page["customers"]) <= limit
        found += [customer["email"] for customer in page["customers"]]
        counts.add(page["count"])
        if (after := page["next"]) is None:
            return found, counts


@pytest.mark.parametrize("words", ["", "dupont", "gmail", "ma", "e"])
async def test_pages_follow_each_other_without_gap_or_repetition(shop, words):
    whole = await shop.found(words, limit=50)
    for limit in (1, 2, 3):
        assert await pages(shop, words, limit) == (whole, {len(whole)})


@pytest.mark.parametrize("after", ["!", "WzFd", paging.encode(0, "a", "not-an-id")])
async def test_a_cursor_of_another_list_is_refused(people, after):
    answer = await people.post("/customers/search", {"after": after}, people.seller)
    people.refused(answer, 422, "cursor_invalid", field="after")


MANY = """
    INSERT INTO accounts (id, role, first_name, last_name, email, email_key,
        password_hash, enabled, registered_at, version)
    SELECT gen_random_uuid(), 'customer', 'Marie', 'Martin' || repeat('x', n % 2) || n / 4,
        n || '@gmail.example', n || '@gmail.example', '', true, now(), 1
    FROM generate_series(1, :count) AS n
"""


@pytest.fixture
async def crowd(people, session):
    """1,500 people with one name, but for its end, and a few in front of and behind them."""
    await session.execute(text(MANY), {"count": 1500})
    await session.commit()
    for last_name, email in [("Abel", "a@martin.example"), ("Zola", "z@marti.example")]:
        await people.registered(last_name=last_name, email=email)
    return people


async def test_matches_are_counted_up_to_a_thousand(crowd):
    counts = {"gmail": 1001, "martin": 1001, "ma": 1001, "zola": 1, "": 1001}
    for words, count in counts.items():
        answer = await crowd.post("/customers/search", {"text": words, "limit": 1}, crowd.seller)
        assert answer.json()["count"] == count


async def test_a_thousand_is_still_exact(people, session):
    await session.execute(text(MANY), {"count": 1000})
    await session.commit()
    for words in ("gmail", ""):
        answer = await people.post("/customers/search", {"text": words}, people.seller)
        assert answer.json()["count"] == 1000


async def test_pages_of_very_many_matches_are_whole_and_best_first(crowd, session):
    in_order = "SELECT email FROM accounts WHERE role = 'customer' ORDER BY name_key, id"
    abel, *martins, zola = (await session.scalars(text(in_order))).all()
    expected = {
        "martin": [abel, *martins],  # a whole word of the address; beginnings of the name
        "arti": [abel, *martins, zola],
        "ma gmail": martins,
        "": [abel, *martins, zola],
    }
    for words, addresses in expected.items():
        assert await pages(crowd, words, 50) == (addresses, {1001})
