"""The database is what the mapped classes say, and what its functions promise."""

import pytest
from sqlalchemy import text

from chassis import migrations


def test_migrations_and_mapped_classes_agree(app):
    url = app.state.settings.database_url.get_secret_value()
    migrations.check("identity", url)


@pytest.mark.parametrize(
    ("said", "folded"),
    [
        ("Éà ÜÑ", "ea un"),
        ("e\u0301", "e"),
        ("Œuvre & Ægir", "oeuvre & aegir"),
        ("Straße", "strasse"),
        ("d’Aubigné", "d'aubigne"),
        ("Łódź İzmir ıssız", "lodz izmir issiz"),
        ("ＡＢＣ", "abc"),
        ("Ελένη Ёлкина", "ελενη елкина"),
    ],
)
async def test_accents_and_case_are_folded(session, said, folded):
    assert await session.scalar(text("SELECT fold(:said)"), {"said": said}) == folded


async def test_every_word_of_a_customer_stands_between_blanks(session):
    statement = text("SELECT searchable('D’Almeida', 'Anne-Lou', 'al_da@x.example')")
    assert await session.scalar(statement) == (
        " d'almeida anne-lou al_da@x.example d almeida anne lou al da x example "
    )
