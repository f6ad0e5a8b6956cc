"""The search over 45,797 real products, held against the plainest way to search."""

import random
import unicodedata
from typing import Any

import pytest
from sqlalchemy import text

pytestmark = pytest.mark.timeout(240)  # the first one imports the catalogue

# What folding writes out besides accents and compatible forms, as far as the catalogue has it.
WRITTEN_OUT = str.maketrans(
    {"–": "-", "—": "-", "‐": "-", "’": "'", "”": '"', "®": "(r)", "×": "*", "Ø": "o"}
)


def fold(said: str) -> str:
    decomposed = unicodedata.normalize("NFKD", said.translate(WRITTEN_OUT)).casefold()
    return "".join(
        each
        for each in decomposed
        if not unicodedata.combining(each) and unicodedata.category(each) != "Cf"
    )


def parts_of(reference: str) -> set[str]:
    """Every three characters of it without a blank."""
    parts = (reference[at : at + 3] for at in range(len(reference) - 2))
    return {part for part in parts if not any(map(str.isspace, part))}


def words_of(designation: str) -> set[str]:
    return {word for word in fold(designation).split() if len(word) >= 3}


@pytest.fixture(scope="module")
def searched(catalogue) -> list[tuple[str, str, bool]]:
    return [
        (reference, fold(f"{reference}\n{designation}"), on_sale)
        for reference, designation, on_sale in catalogue
    ]


def plainly(searched: Any, typed: str) -> dict[bool, set[str]]:
    """References of all that match, on sale and not, by looking at every product."""
    words = fold(typed).split()
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for reference, folded, on_sale in searched:
        if all(word in folded for word in words):
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


async def test_every_product_is_among_the_matches_of_all_its_parts_and_words(
    real_app, real_report, catalogue
):
    """All of them, by what the database compares; accents are stripped from the words."""
    typed = {
        reference.strip(): parts_of(reference) | words_of(designation)
        for reference, designation, _ in catalogue
    }
    async with real_app.state.database.transaction() as session:
        found = await session.execute(text("SELECT reference, searched FROM products"))
        searched = {row.reference: row.searched for row in found}
        found = await session.execute(
            text(
                "SELECT word, searchable(word) AS folded FROM unnest(CAST(:words AS text[])) AS word"
            ),
            {"words": list(set().union(*typed.values()))},
        )
        folded = {row.word: row.folded for row in found}

    assert sum(map(len, typed.values())) > 500_000
    missed = [
        (reference, word)
        for reference, words in typed.items()
        for word in words
        if folded[word] not in searched[reference]
    ]
    assert missed == []


async def test_odd_parts_are_searched_although_something_in_them_is_invisible(
    real_seller, searched, catalogue
):
    odd = {
        part for reference, _, _ in catalogue for part in parts_of(reference) if not part.isascii()
    }
    assert len(odd) >= 30
    for part in sorted(odd):
        await agrees(real_seller, searched, part)


async def test_parts_of_references_are_found(real_seller, searched, catalogue):
    chosen = random.Random(2)
    for reference, _, _ in chosen.sample(catalogue, 40):
        if parts := sorted(parts_of(reference)):
            await agrees(real_seller, searched, chosen.choice(parts))


async def test_words_of_designations_are_found_alone_and_together(real_seller, searched, catalogue):
    chosen = random.Random(3)
    for reference, designation, _ in chosen.sample(catalogue, 20):
        words = sorted(words_of(designation) | words_of(reference)) or ["rien"]
        await agrees(real_seller, searched, chosen.choice(words))
        await agrees(real_seller, searched, " ".join(chosen.sample(words, min(len(words), 3))))
        await agrees(real_seller, searched, f"{chosen.choice(words)} {chosen.choice('x1c-%_z9')}")


@pytest.mark.parametrize(
    "typed",
    ["black", "rgb", "atx", "000", "80+", "black qz", "gaming _", "rgb j", "wireless geforce"],
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
