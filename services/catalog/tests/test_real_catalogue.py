"""The search over 45,797 real products, held against looking at each of them."""

import functools
import random
import re
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from chassis.text.folding import count_letters, fold, pattern_of, words_of

pytestmark = pytest.mark.timeout(600)  # the first one imports the catalogue


def parts_of(reference: str, length: int = 3) -> set[str]:
    """Every three characters of it, or so many, without a blank."""
    parts = (reference[at : at + length] for at in range(len(reference) - length + 1))
    return {part for part in parts if not any(map(str.isspace, part))}


def long_words(designation: str) -> set[str]:
    return {word for word in designation.split() if count_letters(word) >= 3}


@functools.cache
def pattern_of_pair(pair: str) -> re.Pattern[str]:
    return re.compile(pattern_of(pair))


@pytest.fixture(scope="module")
def searched(catalogue) -> list[tuple[str, str, bool]]:
    return [
        (reference, f"{fold(reference)}\n{fold(designation)}", on_sale)
        for reference, designation, on_sale in catalogue
    ]


@functools.cache
def unparted(folded: str) -> str:
    """Without the separators that a pattern allows between two characters of a word."""
    return folded.replace(" ", "").replace("-", "")


def plainly(searched: Any, typed: str) -> dict[bool, set[str]]:
    """References of all that match, on sale and not, by looking at every product.

    With the patterns at those alone that have the characters of each word one after another.
    """
    words = words_of(typed)
    patterns = [re.compile(pattern_of(word)) for word in words]
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for word in map(unparted, words):
        searched = [each for each in searched if word in unparted(each[1])]
    for reference, folded, on_sale in searched:
        if all(pattern.search(folded) for pattern in patterns):
            found[on_sale].add(reference)
    return found


async def agrees(real_seller, searched, typed: str) -> None:
    """The service counts and lists what the plain search finds."""
    answer = await real_seller.get(
        "/api/catalog/products", params={"text": typed, "withdrawn": True}
    )
    assert answer.status_code == 200, answer.text
    expected = plainly(searched, typed)
    for group, on_sale in (("on_sale", True), ("withdrawn", False)):
        found = answer.json()[group]
        listed = {product["reference"] for product in found["products"]}
        assert found["count"] == min(len(expected[on_sale]), 1_001), (typed, group)
        assert listed == (expected[on_sale] if 1 <= found["count"] <= 9 else set()), (typed, group)


def test_the_whole_catalogue_is_imported(real_report, catalogue):
    on_sale = sum(on_sale for _, _, on_sale in catalogue)

    assert len(catalogue) == real_report["rows"] == real_report["created"] == 45_797
    assert (real_report["rejected"], on_sale) == ([], 21_265)


async def test_it_is_announced_in_229_events(real_app, real_report):
    async with real_app.state.database.transaction() as session:
        found = await session.execute(
            text("""
                SELECT count(*), sum(jsonb_array_length(CAST(body AS jsonb) #> '{data,products}'))
                FROM messaging.outbox
            """)
        )
        assert tuple(found.one()) == (229, 45_797)


async def test_every_product_arrived_as_it_is(real_app, real_report, catalogue):
    async with real_app.state.database.transaction() as session:
        rows = await session.execute(text("SELECT reference, designation, on_sale FROM products"))
        found = {tuple(row) for row in rows}

    assert found == {(ref.strip(), name.strip(), on_sale) for ref, name, on_sale in catalogue}


async def test_every_product_is_folded_as_what_is_typed(real_app, real_report, searched):
    async with real_app.state.database.transaction() as session:
        rows = await session.execute(text("SELECT reference, searched FROM products"))
        found = {row.reference: row.searched for row in rows}

    assert found == {reference.strip(): folded for reference, folded, _ in searched}


async def test_the_index_has_every_piece_of_every_product(real_app, real_report):
    """Of one and two characters, as the rule finds them."""
    async with real_app.state.database.transaction() as session:
        rows = await session.execute(
            text("SELECT searched, pieces(searched) FROM products TABLESAMPLE SYSTEM (5)")
        )
        indexed = {folded: set(pieces) for folded, pieces in rows}
    assert len(indexed) > 500
    for folded, pieces in indexed.items():
        letters = re.sub("[ -]", "", folded)
        following = {
            first + second for first, second in pairwise(letters) if "\n" not in (first, second)
        }
        assert set(letters) - {"\n"} <= pieces
        assert {each for each in pieces if len(each) == 2} == {
            pair for pair in following if pattern_of_pair(pair).search(folded)
        }


@pytest.mark.parametrize(
    ("typed", "on_sale"),
    [
        *[("lg 27", 73), ("lg 27 48", 2), ("hp t1", 4), ("hp g5 x", 3), ("5z 7d", 1)],
        *[("rx 76", 25), ("mx 4", 94)],
        *[("i7-12700K", 2), ("i7 12700K", 2), ("i712700k", 2)],
        *[("Wi-Fi", 496), ("WiFi", 496), ("wifi", 496), ("RTX4070 Ti", 77), ("RTX 4070 Ti", 77)],
        *[("mx-master", 16), ("nfa12x25", 13), ("nf-a12x25", 13), ("NF A12x25", 13)],
    ],
)
async def test_what_sellers_type(real_seller, searched, typed, on_sale):
    answer = await real_seller.get("/api/catalog/products", params={"text": typed})
    assert answer.json()["on_sale"]["count"] == on_sale
    await agrees(real_seller, searched, typed)


async def test_odd_parts_are_searched_although_something_in_them_is_invisible(
    real_seller, searched, catalogue
):
    odd = {
        part
        for reference, _, _ in catalogue
        for part in parts_of(reference, 5)
        if not part.isascii() and count_letters(part) >= 3
    }
    assert len(odd) >= 30
    for part in sorted(odd):
        await agrees(real_seller, searched, part)


async def test_parts_of_references_are_found(real_seller, searched, catalogue):
    chosen = random.Random(2)
    for reference, _, _ in chosen.sample(catalogue, 40):
        if parts := sorted(part for part in parts_of(reference) if count_letters(part) >= 3):
            await agrees(real_seller, searched, chosen.choice(parts))


async def test_words_of_designations_are_found_alone_and_together(real_seller, searched, catalogue):
    chosen = random.Random(3)
    for reference, designation, _ in chosen.sample(catalogue, 20):
        words = sorted(long_words(designation) | long_words(reference)) or ["rien"]
        await agrees(real_seller, searched, chosen.choice(words))
        await agrees(real_seller, searched, " ".join(chosen.sample(words, min(len(words), 3))))
        await agrees(real_seller, searched, f"{chosen.choice(words)} {chosen.choice('x1c-%_z9')}")


@pytest.mark.parametrize(
    "typed",
    [
        "black",
        "rgb",
        "atx",
        "000",
        "80+ x",
        "black qz",
        "gaming _",
        "rgb j",
        "wireless geforce",
        "a 5 c",
        "q z x",
        "rei",
        "5+1 a",
    ],
)
async def test_common_words_are_counted(real_seller, searched, typed):
    await agrees(real_seller, searched, typed)


async def test_every_whole_reference_of_one_or_two_characters_is_offered(
    real_seller, searched, catalogue
):
    short = [reference for reference, _, _ in catalogue if len(reference.strip()) <= 2]
    assert len(short) > 50
    for reference in short:
        answer = await real_seller.get("/api/catalog/products", params={"text": reference})
        exact = [product["reference"] for product in answer.json()["exact"]]
        assert exact == [reference]
    for reference in short[::5]:
        await agrees(real_seller, searched, reference)


async def test_the_longest_references_are_found_whole(real_seller, catalogue):
    longest = sorted((reference.strip() for reference, _, _ in catalogue), key=len)[-20:]
    for reference in longest:
        answer = await real_seller.get("/api/catalog/products", params={"text": reference})
        assert [product["reference"] for product in answer.json()["exact"]] == [reference]
