"""What an import does to the catalogue, what it reports and what it announces."""

from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app import take_imports
from catalog.models import Product
from catalog.operations import importing
from catalog.operations.importing import IMPORT_LOCK, from_tables
from chassis.data.writing import LATER
from chassis.messaging.outbox import OutboxMessage, publish_again
from chassis.monitoring.loops import Loop
from chassis.testing import published, published_again
from contracts.catalog.api import DESIGNATION_LENGTH, REFERENCE_LENGTH
from contracts.catalog.events import ProductsChanged

HEADER = "reference,designation,on_sale\n"


async def products(session) -> dict[str, tuple[str, bool, int]]:
    rows = await session.execute(
        select(Product.reference, Product.designation, Product.on_sale, Product.version)
    )
    return {
        reference: (designation, on_sale, version)
        for reference, designation, on_sale, version in rows
    }


async def announced(session) -> list[ProductsChanged]:
    events = await published(session)
    assert all(isinstance(event, ProductsChanged) for event in events)
    return [event for event in events if isinstance(event, ProductsChanged)]


def counts(report: dict[str, int]) -> tuple[int, ...]:
    names = ("rows", "created", "changed", "unchanged", "withdrawn", "rejected_count")
    return tuple(report[name] for name in names)


async def test_a_first_import_creates_every_product(imported, session):
    report = await imported("A-1,Une chose,true\nA-2,Une autre,false\n")

    assert counts(report) == (2, 2, 0, 0, 0, 0)
    assert report["rejected"] == []
    assert 0 < report["seconds"] < 60
    assert await products(session) == {
        "A-1": ("Une chose", True, 1),
        "A-2": ("Une autre", False, 1),
    }


async def test_the_same_file_again_changes_nothing_and_announces_nothing(imported, session):
    rows = "A-1,Une chose,true\nA-2,Une autre,false\n"
    await imported(rows)
    before, events = await products(session), await announced(session)

    report = await imported(rows)

    assert counts(report) == (2, 0, 0, 2, 0, 0)
    assert await products(session) == before
    assert await announced(session) == events


async def test_a_second_import_reports_what_it_changed(imported, session):
    await imported("A-1,Une chose,true\nA-2,Une autre,true\nA-3,Encore,false\nA-4,Pareille,true\n")

    report = await imported(
        "A-1,Une chose meilleure,true\nA-2,Une autre,false\nA-3,Encore,true\nA-4,Pareille,true\n"
        "A-5,Nouvelle,false\n"
    )

    assert counts(report) == (5, 1, 3, 1, 1, 0)
    assert await products(session) == {
        "A-1": ("Une chose meilleure", True, 2),
        "A-2": ("Une autre", False, 2),
        "A-3": ("Encore", True, 2),
        "A-4": ("Pareille", True, 1),
        "A-5": ("Nouvelle", False, 1),
    }


async def test_products_absent_from_the_file_are_left_alone(imported, session):
    await imported("A-1,Une chose,true\n")
    await imported("A-2,Une autre,true\n")

    assert (await products(session))["A-1"] == ("Une chose", True, 1)


async def test_a_product_keeps_its_id(imported, session):
    await imported("A-1,Une chose,true\n")
    stored = await session.scalar(select(Product.id))
    await imported("A-1,Une chose meilleure,false\n")

    assert await session.scalar(select(Product.id)) == stored


async def test_bad_rows_are_rejected_and_the_rest_goes_in(imported, session):
    report = await imported(
        "A-1,Une chose,true\nA-2,Une autre,yes\nA-1,La même,false\n,Rien,true\nA-3,Encore,false\n"
    )

    assert counts(report) == (5, 2, 0, 0, 0, 3)
    assert report["rejected"] == [
        {"line": 3, "reference": "A-2", "reason": "on_sale_unreadable", "found": "yes"},
        {"line": 4, "reference": "A-1", "reason": "reference_repeated", "found": ""},
        {"line": 5, "reference": "", "reason": "reference_empty", "found": ""},
    ]
    assert await products(session) == {"A-1": ("Une chose", True, 1), "A-3": ("Encore", False, 1)}


async def test_a_reference_met_in_a_bad_row_only_is_not_repeated(imported, session):
    report = await imported("A-1,Une chose,yes\nA-1,Une chose,true\n")

    assert counts(report) == (2, 1, 0, 0, 0, 1)


async def test_a_thousand_rejected_rows_are_reported_and_all_are_counted(imported):
    bad = "".join(f"B-{n},Mauvaise\n" for n in range(900))
    repeated = "A-1,Une chose,true\n" * 300

    report = await imported(bad + repeated)

    assert counts(report) == (1_200, 1, 0, 0, 0, 1_199)
    assert [row["line"] for row in report["rejected"]] == [
        *range(2, 902),
        *range(903, 1_003),
    ]


async def test_references_that_differ_by_anything_inside_are_different_products(imported, session):
    references = [
        "MX-500",
        "MX\N{NON-BREAKING HYPHEN}500",
        "mx-500",
        "MX 500",
        "MX  500",
        "MX-500\u200b",
        "\u200eMX-500",
        "MX-500é",
        "MX-500e\u0301",
        "24E3",
        "0024E3",
        "-",
        "%",
        r"\N",
        r"\.",
        "A/B+C#D&E?F",
    ]
    report = await imported("".join(f"{one} ,Une chose,true\n" for one in references))

    assert counts(report)[:2] == (len(references), len(references))
    assert set(await products(session)) == set(references)


async def test_references_that_look_alike_are_reported_with_their_twins(imported, session):
    await imported("MX-500,Une chose,true\nÉté 1,Une chose,true\nZ-9,Une chose,true\n")

    report = await imported(
        "mx 500,Casse et blanc,true\n"
        "E\u0301te\u0301 1,Accents décomposés,true\n"
        "RТХ-4070,Lettres cyrilliques,true\n"
        "A-1,Seule,true\n"
        "RTX\u200b-4070,Signe invisible,true\n"
        "rtx4070,Rien entre les deux,true\n"
        "A-O1,La lettre,true\nA-01,Le chiffre,true\n"
        "Z-9,Comme avant,true\n"
    )

    assert (report["created"], report["rejected_count"], report["twin_count"]) == (8, 0, 4)
    assert [(each["line"], each["twin"], each["twin_line"]) for each in report["twins"]] == [
        (2, "MX-500", None),
        (3, "Été 1", None),
        (6, "RТХ-4070", 4),
        (7, "RТХ-4070", 4),
    ]


async def test_twin_references_are_reported_every_time(imported):
    rows = "A-1,Une chose,true\na1,Une chose,true\n"
    first, again = await imported(rows), await imported(rows)

    assert first["twins"] == again["twins"]
    assert again["twins"] == [{"line": 3, "reference": "a1", "twin": "A-1", "twin_line": 2}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("A\x011,Une chose", "reference_control"),
        ("A\t1,Une chose", "reference_control"),
        ('"A\n1",Une chose', "reference_control"),
        ("A\ufffd1,Une chose", "reference_control"),
        ("A-1,Une\x1b chose", "designation_control"),
        ("A-1,Une chos\ufffd", "designation_control"),
        ("A-1,Une\uffff chose", "designation_control"),
        ("\u200b\u2060\u00ad,Une chose", "reference_empty"),
        ("\u200e \u3000,Une chose", "reference_empty"),
        ("A-1,\u200b \ufe0f\u2800", "designation_empty"),
        ("A-1,Une \u202echose", "text_direction"),
        ("A\u20661,Une chose", "text_direction"),
    ],
)
async def test_what_no_reference_or_designation_can_hold_is_rejected(imported, row, reason):
    report = await imported(f"{row},true\nB-1,\u202aUne chose\u202c,true\n")

    assert (report["created"], report["rejected_count"]) == (1, 1)
    assert [each["reason"] for each in report["rejected"]] == [reason]


async def test_what_a_field_holds_arrives_as_it_is(imported, session):
    designation = 'Écran 27" \\ « mat »（Ω ± 5 %）\r\n\tligne 2 \\t \\N'
    quoted = designation.replace('"', '""')
    await imported(f'A-1,"{quoted}",true\n')

    assert (await products(session))["A-1"] == (designation, True, 1)


async def test_every_touched_product_is_announced_by_at_most_200(imported, session):
    await imported("".join(f"A-{n},Une chose,true\n" for n in range(450)))
    await imported("".join(f"A-{n},Une chose,{str(n >= 10).lower()}\n" for n in range(450)))

    *first, second = await announced(session)
    assert [len(event.products) for event in first] == [200, 200, 50]
    assert len({event.change_id for event in first}) == 1
    assert second.change_id != first[0].change_id
    assert {product.reference for event in first for product in event.products} == {
        f"A-{n}" for n in range(450)
    }
    assert sorted(product.reference for product in second.products) == [f"A-{n}" for n in range(10)]
    assert {(product.version, product.on_sale) for product in second.products} == {(2, False)}
    rows = await session.execute(select(Product.reference, Product.id))
    ids = {row.reference: row.id for row in rows}
    assert all(product.id == ids[product.reference] for product in second.products)


async def test_no_event_is_larger_than_the_broker_takes(imported, session):
    longest = "\U0001f600" * DESIGNATION_LENGTH
    rows = "".join(f"{n:\U0001f600>{REFERENCE_LENGTH}},{longest},true\n" for n in range(200))
    report = await imported(rows)
    bodies = (await session.scalars(select(OutboxMessage.body))).all()

    assert report["created"] == 200
    assert sum(len(event.products) for event in await announced(session)) == 200
    assert max(len(body.encode()) for body in bodies) < 1_000_000


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (b"ref,name,on_sale\nA-2,Une autre,true\n", ("import_header_wrong", {"line": 1})),
        (b"", ("import_header_wrong", {"line": 1})),
        (
            HEADER.encode() + b"A-2,Une autre,true\nA-3,\xff\xfe,true\n",
            ("import_undecodable", {"line": 3, "column": 5}),
        ),
        (HEADER.encode() + b"A-2,Une autre,true\nA-3,Enc", ("import_truncated", {"line": 3})),
    ],
)
async def test_a_condemned_file_changes_nothing(sent, imported, session, file, expected):
    await imported("A-1,Une chose,true\n")
    before = await products(session)
    answer = await sent(file)

    code, context = expected
    assert (answer["state"], answer["refusal"]["code"]) == ("refused", code)
    assert context.items() <= answer["refusal"]["context"].items()
    assert await products(session) == before
    assert len(await announced(session)) == 1


async def test_one_import_at_a_time_and_the_next_waits(sent, app, session):
    async with app.state.database.engine.connect() as another:
        await another.execute(text(f"SELECT pg_advisory_xact_lock({IMPORT_LOCK})"))
        waiting = await sent(f"{HEADER}A-1,Une chose,true\n".encode())

    assert waiting["state"] == "waiting"
    assert await products(session) == {}
    assert await take_imports(app, Loop("imports")) == "took an import"
    assert await products(session) == {"A-1": ("Une chose", True, 1)}


async def test_nothing_waits_to_be_indexed_after_an_import(imported, session):
    await imported("".join(f"A-{n},Une chose numéro {n},true\n" for n in range(50)))
    await session.execute(text("CREATE EXTENSION IF NOT EXISTS pgstattuple"))

    pending = await session.scalar(
        text("SELECT pending_pages FROM pgstatginindex('ix_products_searched_on_sale')")
    )
    assert pending == 0


async def test_the_events_of_an_import_do_not_pile_up(imported, session, monkeypatch):
    waiting, publish = [], importing.publish

    def watched(session: AsyncSession, event: ProductsChanged) -> UUID:
        waiting.append(len(session.info.get(LATER, ())))
        return publish(session, event)

    monkeypatch.setattr(importing, "publish", watched)
    await imported("".join(f"A-{n},Une chose numéro {n},true\n" for n in range(401)))
    assert waiting == [0, 0, 0]
    assert len(await announced(session)) == 3


async def test_events_deleted_from_the_outbox_are_rebuilt_from_the_table(imported, session):
    """In its newest state; what the outbox still tells is left to it."""
    await imported("A-1,Une chose,true\nA-2,Une autre,true\n")
    [before] = await announced(session)
    [again] = await published_again(session, from_tables)
    assert isinstance(again, ProductsChanged)
    assert sorted(again.products, key=str) == sorted(before.products, key=str)

    await imported("A-1,Une chose,true\nA-2,Plus la même,true\nA-3,Nouvelle,true\n")
    assert await publish_again(session, from_tables(session)) == 0
