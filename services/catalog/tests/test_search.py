"""The rule of the product search: what is found, what is listed, what is only counted."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text as sql

from chassis.testing import token
from chassis.text.cases import FOUND, NOT_FOUND
from chassis.text.folding import count_letters
from contracts.identity.roles import Role


@pytest.fixture
def find(seller):
    async def search(text: str, **more: Any) -> dict[str, Any]:
        answer = await seller.get("/api/catalog/products", params={"text": text, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return search


def references(group: Any) -> list[str]:
    products = group["products"] if isinstance(group, dict) else group
    return [product["reference"] for product in products]


def counts(found: dict[str, Any]) -> tuple[int, int]:
    return found["on_sale"]["count"], found["withdrawn"]["count"]


async def test_one_to_nine_products_are_listed(imported, find):
    await imported("".join(f"CLAVIER-{n},Clavier mécanique,true\n" for n in range(9)))

    found = await find("clavier")

    assert found["state"] == "searched"
    assert counts(found) == (9, 0)
    assert references(found["on_sale"]) == [f"CLAVIER-{n}" for n in range(9)]


async def test_ten_products_are_only_counted(imported, find):
    await imported("".join(f"CLAVIER-{n},Clavier mécanique,true\n" for n in range(10)))

    found = await find("clavier")

    assert counts(found) == (10, 0)
    assert references(found["on_sale"]) == []


@pytest.mark.parametrize(("there", "counted"), [(1_000, 1_000), (1_001, 1_001), (1_200, 1_001)])
async def test_counts_are_exact_to_a_thousand(imported, find, there, counted):
    await imported(
        "".join(f"S-{n},Souris,true\n" for n in range(there))
        + "".join(f"W-{n},Souris,false\n" for n in range(there))
    )

    assert counts(await find("souris")) == (counted, counted)


async def test_the_withdrawn_are_counted_and_listed_when_asked_for(imported, find):
    await imported("A-1,Casque ouvert,true\nA-2,Casque fermé,false\n")

    found, with_withdrawn = await find("casque"), await find("casque", withdrawn=True)

    assert counts(found) == counts(with_withdrawn) == (1, 1)
    assert references(found["withdrawn"]) == []
    assert references(with_withdrawn["withdrawn"]) == ["A-2"]
    assert references(with_withdrawn["on_sale"]) == ["A-1"]


async def test_each_group_is_listed_by_its_own_number(imported, find):
    await imported(
        "A-1,Casque ouvert,true\n" + "".join(f"W-{n},Casque fermé,false\n" for n in range(10))
    )

    found = await find("casque", withdrawn=True)

    assert references(found["on_sale"]) == ["A-1"]
    assert (found["withdrawn"]["count"], references(found["withdrawn"])) == (10, [])


@pytest.mark.parametrize(
    "text", ["", "  ", "a", "cl", "c l", "e\u0301 a", "\u0301" * 60, "-/-", "%%%", "5.1 !?"]
)
async def test_with_less_than_three_letters_and_digits_nothing_is_searched(imported, find, text):
    await imported("CL-1,Clavier 5.1 avec accents !?%%%,true\n")

    found = await find(text)

    assert (found["state"], found["exact"]) == ("too_short", [])
    assert counts(found) == (0, 0)


async def test_letters_and_digits_are_counted_over_all_words(imported, find):
    await imported(
        "24MP-B,Écran LG 27 pouces 4K,true\nC-1,Coque 27 cool gaming,true\n"
        "T 1,Hub HP T-1 x,true\nU-1,Hub HP 8GT-16,false\n"
    )

    assert references((await find("lg 27"))["on_sale"]) == ["24MP-B"]
    assert references((await find("4 k 7"))["on_sale"]) == ["24MP-B"]
    assert references((await find("hp t1"))["on_sale"]) == ["T 1"]
    assert counts(await find("hp t1 8")) == (0, 0)
    assert counts(await find("a a a")) == (2, 0)


async def test_every_word_must_occur_in_reference_or_designation(imported, find):
    await imported(
        "KB-110,Clavier mécanique noir,true\nKB-220,Clavier mécanique blanc,true\n"
        "MS-110,Souris noire,true\n"
    )

    assert references((await find("clavier noir"))["on_sale"]) == ["KB-110"]
    assert references((await find("110 méca"))["on_sale"]) == ["KB-110"]
    assert references((await find("noir"))["on_sale"]) == ["KB-110", "MS-110"]
    assert counts(await find("clavier souris")) == (0, 0)


async def test_words_do_not_reach_from_reference_into_designation(imported, find):
    await imported("KB-110,Clavier,true\n")

    assert counts(await find("110clav")) == (0, 0)
    assert counts(await find("kb110clav")) == (0, 0)


async def test_shorter_words_only_narrow(imported, find):
    await imported("A-1,Écran 4K 27 pouces,true\nA-2,Écran 27 pouces,true\n")

    assert references((await find("écran 4k"))["on_sale"]) == ["A-1"]
    assert references((await find("écran 7"))["on_sale"]) == ["A-2", "A-1"]
    assert counts(await find("écran z")) == (0, 0)


@pytest.mark.parametrize(("written", "typed"), FOUND)
async def test_what_every_search_finds(imported, find, written, typed):
    quoted = written.replace('"', '""')
    await imported(f'"{quoted} X",Une chose,true\nB-1,"Une chose {quoted}",true\nC-1,Autre,true\n')

    text = typed if count_letters(typed) >= 3 else f"une {typed}"

    assert sorted(references((await find(text))["on_sale"])) == sorted(
        ["B-1", f"{written} X".strip()]
    )


@pytest.mark.parametrize(("written", "typed"), NOT_FOUND)
async def test_what_no_search_finds(imported, find, written, typed):
    await imported(f"A-1,{written},true\n")

    assert counts(await find(typed)) == (0, 0)


@pytest.mark.parametrize(
    "sign",
    ["100%", "a_b", "%%%", "___", "a*c?", "[x]", "^^^", "~~~", "{{7*7}}", "$1", "(?:", "+++"],
)
async def test_signs_mean_themselves(imported, find, sign):
    await imported(f'A-1,"Le signe {sign}",true\nA-2,Le signe axbzc 1000 d,true\n')

    assert references((await find(f"signe {sign}"))["on_sale"]) == ["A-1"]


async def test_where_words_begin_comes_first_then_by_designation(imported, find):
    await imported(
        "A-1,Zébrure et rampe,true\nA-2,Caméra,true\nA-3,Râpe ramée,true\nA-4,Écrame,true\n"
    )

    assert references((await find("ram"))["on_sale"]) == ["A-3", "A-1", "A-4"]
    assert references((await find("ame"))["on_sale"]) == ["A-2", "A-4", "A-3"]
    assert references((await find("cam ame"))["on_sale"]) == ["A-2"]


async def test_equal_designations_are_ordered_by_reference(imported, find):
    await imported("B-2,Hub USB,true\nB-10,Hub USB,true\nB-1,Hub USB,true\n")

    assert references((await find("hub"))["on_sale"]) == ["B-1", "B-10", "B-2"]


# --- Whole references -------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["1", "%", "K5", "Ω", "24E3", "A  B", "x" * 500])
async def test_a_whole_reference_of_any_length_offers_its_product(imported, find, reference):
    await imported(f"{reference},Une chose,true\n")

    found = await find(f" {reference} ")

    assert references(found["exact"]) == [reference]
    assert found["state"] == "searched"
    assert counts(found) == (1, 0)


@pytest.mark.parametrize("text", ["K-5", "k5", "K 5", "K\u200b5"])
async def test_a_whole_reference_may_be_typed_with_other_separators(imported, find, text):
    await imported("K/5,Une chose,true\n--,Autre,true\n...,Autre,true\n")

    assert references((await find(text))["exact"]) == ["K/5"]
    assert references((await find("--"))["exact"]) == ["--"]


async def test_beside_a_whole_reference_the_others_are_counted(imported, find):
    await imported(
        "K5,Un ventilateur,true\n"
        + "".join(f"K5-{n},Un clavier,true\n" for n in range(20))
        + "AK57,Un casque,false\n"
    )

    found = await find("K5")

    assert references(found["exact"]) == ["K5"]
    assert counts(found) == (21, 1)
    assert references(found["on_sale"]) == []


async def test_a_withdrawn_product_is_offered_by_its_whole_reference(imported, find):
    await imported("K5,Un ventilateur,false\n")

    found = await find("K5")

    assert references(found["exact"]) == ["K5"]
    assert references(found["withdrawn"]) == []


async def test_the_exact_reference_wins_over_those_that_differ_by_case(imported, find):
    await imported("ab,Une,true\nAB,Deux,true\nÀb,Trois,true\n")

    assert references((await find("AB"))["exact"]) == ["AB"]
    assert references((await find("aB"))["exact"]) == ["AB", "ab", "Àb"]


async def test_references_that_differ_by_a_dash_are_distinguished(imported, find):
    dash = "MX\N{NON-BREAKING HYPHEN}500"
    await imported(f"MX-500,Une,true\n{dash},Deux,true\n")

    assert references((await find(dash))["exact"]) == [dash]
    assert references((await find("MX-500"))["exact"]) == ["MX-500"]
    assert counts(await find("MX-500")) == (2, 0)


# --- Who, and wrong input ---------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.SELLER, Role.TECHNICIAN, Role.ADMINISTRATOR])
async def test_all_staff_search(seller, role):
    answer = await seller.get("/api/catalog/products?text=clavier", headers=token(role))

    assert answer.status_code == 200


async def test_customers_do_not_search(seller):
    answer = await seller.get("/api/catalog/products?text=clavier", headers=token(Role.CUSTOMER))

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "required"),
        ("text=a%00b", "text_nul"),
        ("text=abc&withdrawn=perhaps", "bool_parsing"),
    ],
)
async def test_wrong_input_has_a_code(seller, query, code):
    answer = await seller.get(f"/api/catalog/products?{query}")

    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == [code]


async def test_a_text_that_is_too_long_is_searched_by_its_first_words(imported, find):
    await imported("A1,Clavier sans fil,true\n")

    for text in ("clavier " + "fil " * 200, "c cl cla clav clavi clavie clavier " * 60):
        [found] = (await find(text))["on_sale"]["products"]
        assert found["reference"] == "A1"
    assert (await find("é" * 5_000))["on_sale"]["count"] == 0


async def test_a_product_is_read_by_its_id(imported, find, seller):
    await imported("A/1 &é,Une chose,false\n")
    [found] = (await find("A/1 &é"))["exact"]

    answer = await seller.get(f"/api/catalog/products/{found['id']}")

    assert answer.status_code == 200
    product = answer.json()
    assert product == found
    assert (product["reference"], product["designation"]) == ("A/1 &é", "Une chose")
    assert (product["on_sale"], product["version"]) == (False, 1)


async def test_an_unknown_product_is_not_found(seller):
    answer = await seller.get(f"/api/catalog/products/{uuid4()}")

    assert (answer.status_code, answer.json()["code"]) == (404, "product_unknown")


async def test_customers_read_no_product(seller):
    answer = await seller.get(f"/api/catalog/products/{uuid4()}", headers=token(Role.CUSTOMER))

    assert answer.status_code == 403


async def test_a_text_of_many_words_is_answered(imported, find, session):
    await imported("A-1,Une chose,true\n")
    await session.execute(sql("SET LOCAL statement_timeout = '2s'"))

    assert counts(await find(" ".join(f"q{n:x}" for n in range(120)))) == (0, 0)
    assert counts(await find(("e\u0301" * 3 + " ") * 70)) == (0, 0)
