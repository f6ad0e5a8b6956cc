"""One address has one account, however it is spelt; two addresses have two."""

import logging

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from chassis import migrations, testing
from contracts.identity.events import LinkRequested

STRASSE, STRASZE, XN = "x@strasse.example", "x@straße.example", "X@xn--strae-oqa.example"
PASSWORD = "grenouille sur un vélo"
OLD = """
    INSERT INTO accounts (id, role, first_name, last_name, email, email_key, enabled, version,
        registered_at)
    VALUES (:id, 'customer', 'Jeanne', 'Dubois', :email, :key, true, 1,
        TIMESTAMPTZ '2026-01-01' + :n * interval '1 day')
"""


async def test_an_accented_domain_is_another_than_its_look_in_plain_letters(people):
    """And one with its spelling for machines, which browsers send instead of it."""
    first = await people.registered(email=STRASZE)
    assert first["email"] == STRASZE
    people.refused(await people.register(email=XN), 409, "email_taken")
    second = await people.registered(email=STRASSE)
    for typed, holder in (
        (STRASZE, first),
        (XN, first),
        ("mailto:x@STRAßE.example.", first),
        (STRASSE, second),
        ("Jeanne <x@strasse。example>", second),
    ):
        assert (await people.sign_in(typed)).json()["account"]["id"] == holder["id"], typed


async def test_what_was_registered_for_machines_is_shown_to_people(people):
    assert (await people.registered(email=XN))["email"] == "X@straße.example"
    searched = await people.post("/customers/search", {"text": XN}, people.seller)
    assert searched.json()["count"] == 1


async def test_guesses_are_counted_against_the_address_however_it_is_spelt(people):
    await people.registered(email=STRASZE)
    for typed in (STRASZE, XN, "x@STRAßE.EXAMPLE", f"<{STRASZE}>", f"{STRASZE}."):
        people.refused(await people.sign_in(typed, "wrong"), 401, "credentials_wrong")
    people.refused(await people.sign_in(XN, PASSWORD), 429, "too_many_attempts")
    people.refused(await people.sign_in(STRASSE, "wrong"), 401, "credentials_wrong")


async def test_a_link_goes_to_the_address_of_the_account_and_no_other(people, session, mail):
    await people.registered(email=STRASZE)
    before = await testing.published(session)
    assert (await people.forget(STRASSE)).status_code == 202
    assert await testing.published(session) == before
    assert (await people.forget(XN)).status_code == 202
    *_, requested = await testing.published(session)
    assert isinstance(requested, LinkRequested)
    assert (await people.ask_secret(requested.link_id)).json()["email"] == STRASZE


def test_keys_are_recomputed_and_accounts_that_collide_are_named(caplog):
    """Each is as it was with the release before: casefolded, so that ß was « ss »."""
    url = testing.fresh_database("test_identity_addresses")
    command.upgrade(migrations.config("identity", url), "0002")
    engine = create_engine(url)
    stored = [
        (1, "jeanne@orange.fr", "jeanne@orange.fr"),
        (2, STRASZE, "x@strasse.example"),
        (3, "zoé@café.example", "zoé@café.example"),
        # Both were taken for two, and are one.
        (4, "jean.o'brien@orange.fr", "jean.o'brien@orange.fr"),
        (5, "jean.o’brien@orange.fr", "jean.o’brien@orange.fr"),
    ]
    ids = [f"00000000-0000-0000-0000-00000000000{n}" for n, *_ in stored]
    with engine.begin() as old:
        for id, (n, email, key) in zip(ids, stored, strict=True):
            old.execute(text(OLD), {"id": id, "n": n, "email": email, "key": key})
    with caplog.at_level(logging.WARNING):
        migrations.upgrade("identity", url)
    with engine.begin() as now:
        rows = now.execute(text("SELECT email, email_key FROM accounts ORDER BY id")).all()
    engine.dispose()

    assert [row.email for row in rows] == [email for _, email, _ in stored]
    assert [row.email_key for row in rows] == [
        "jeanne@orange.fr",
        "x@xn--strae-oqa.example",
        "zoé@xn--caf-dma.example",
        "jean.o'brien@orange.fr",
        f" {ids[4]}",
    ]
    assert f"account {ids[4]} has the address of account {ids[3]}" in caplog.text


@pytest.mark.parametrize("typed", ["", " ", "\u200b", "@", "mailto:", "mailto:%00@x", "<>", "'"])
async def test_what_is_no_address_is_nobodys(people, typed):
    people.refused(await people.sign_in(typed), 401, "credentials_wrong")
