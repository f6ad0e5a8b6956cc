"""Texts that staff prepare once, with variables, and send often."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from contracts.identity.events import CustomerChanged
from contracts.tickets.api import MAX_QUICK_REPLIES, VARIABLES

TEXT = "Bonjour {prénom}, votre {produit} ({numéro de série}), demande n° {numéro de demande}."


async def add(desk, who, title="Bonjour", text=TEXT, key=None):
    return await desk.send(who, "POST", "/quick-replies", {"title": title, "text": text}, key)


async def titles(desk, who):
    answer = await desk.get(who, "/quick-replies")
    assert answer.status_code == 200, answer.text
    return [each["title"] for each in answer.json()["quick_replies"]]


async def test_staff_prepare_change_and_remove_texts(desk, karim, julien):
    made = await add(desk, karim)
    assert made.status_code == 201, made.text
    assert (made.json()["text"], made.json()["changed_by_name"]) == (TEXT, "Karim Benali")

    path = f"/quick-replies/{made.json()['id']}"
    changed = await desk.send(julien, "PATCH", path, {"title": "Salut"})
    assert (changed.json()["title"], changed.json()["text"]) == ("Salut", TEXT)
    assert changed.json()["changed_by_name"] == "Julien Morel"
    changed = await desk.send(karim, "PATCH", path, {"text": "Bonne journée."})
    assert (changed.json()["title"], changed.json()["text"]) == ("Salut", "Bonne journée.")

    assert (await desk.send(karim, "DELETE", path)).status_code == 204
    assert await titles(desk, karim) == []
    for answer in (
        await desk.send(karim, "DELETE", path),
        await desk.send(karim, "PATCH", path, {"title": "x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "quick_reply_unknown")


async def test_they_are_listed_by_title_whatever_accents_and_case(desk, karim):
    for title in ("Zone lisse", "écran noir", "Eclairage", "batterie"):
        await add(desk, karim, title)
    assert await titles(desk, karim) == ["batterie", "Eclairage", "écran noir", "Zone lisse"]


async def test_variables_become_the_values_of_the_request(desk, nathalie, karim):
    fields = {"first_name": "Nathalie", "last_name": "Rousseau", "email": "n@example.org"}
    await desk.receive(
        CustomerChanged(
            customer_id=nathalie.id,
            version=1,
            enabled=True,
            registered_at="2025-01-01T00:00Z",
            **fields,
        )
    )
    number = await desk.opened(nathalie)
    await add(desk, karim)
    answer = await desk.get(karim, f"/{number}/quick-replies")
    [ready] = answer.json()["quick_replies"]
    assert ready["text"] == TEXT
    assert ready["rendered"] == (
        "Bonjour Nathalie, votre Imprimante HP LaserJet 4103dw (PHBQ74K2M910XTD), "
        f"demande n° {number}."
    )


async def test_who_is_known_by_their_token_alone_is_called_by_their_name(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await add(desk, karim, text="Bonjour {prénom}.")
    [ready] = (await desk.get(karim, f"/{number}/quick-replies")).json()["quick_replies"]
    assert ready["rendered"] == "Bonjour Nathalie Rousseau."


async def test_a_value_that_looks_like_a_variable_stays_as_it_is(desk, someone, karim):
    prankster = someone("customer", "{produit}")
    number = await desk.opened(prankster)
    await add(desk, karim, text="{prénom} {prénom}")
    [ready] = (await desk.get(karim, f"/{number}/quick-replies")).json()["quick_replies"]
    assert ready["rendered"] == "{produit} {produit}"


@pytest.mark.parametrize("variable", ["nom", "Prénom", "", " ", "prénom ", "prenom", "0", "a b"])
async def test_an_unknown_variable_is_named(desk, karim, variable):
    stored = (await add(desk, karim, "Autre", "Rien.")).json()
    text = f"Bonjour {{{variable}}}, {{prénom}}"
    for answer in (
        await add(desk, karim, text=text),
        await desk.send(karim, "PATCH", f"/quick-replies/{stored['id']}", {"text": text}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "quick_reply_variable_unknown")
        assert answer.json()["context"] == {"variable": variable}
        assert answer.json()["errors"][0]["field"] == "text"
    assert await titles(desk, karim) == ["Autre"]


@pytest.mark.parametrize("variable", VARIABLES)
async def test_every_variable_is_known(desk, karim, variable):
    assert (await add(desk, karim, text=f"{{{variable}}}")).status_code == 201


async def test_two_have_not_the_same_title(desk, karim):
    first, second = await add(desk, karim, "Bonjour"), await add(desk, karim, "Bonsoir")
    taken = [
        await add(desk, karim, "BONJOUR"),
        await desk.send(
            karim, "PATCH", f"/quick-replies/{second.json()['id']}", {"title": "bonjour"}
        ),
    ]
    for answer in taken:
        assert (answer.status_code, answer.json()["code"]) == (409, "quick_reply_title_taken")
        assert answer.json()["errors"][0]["field"] == "title"
    path = f"/quick-replies/{first.json()['id']}"
    assert (await desk.send(karim, "PATCH", path, {"title": "bonjour"})).status_code == 200


async def test_one_submission_makes_one(desk, karim):
    key = str(uuid4())
    first, second = await add(desk, karim, key=key), await add(desk, karim, key=key)
    assert (first.status_code, first.json()) == (201, second.json())
    assert await titles(desk, karim) == ["Bonjour"]


async def test_there_are_so_many_and_no_more(desk, karim):
    async with desk.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO quick_replies (id, title, text, changed_by, changed_by_name, changed_at)"
                " SELECT gen_random_uuid(), 'Réponse ' || number, 'Rien.', :by, 'Karim', now()"
                " FROM generate_series(2, :most) AS number"
            ),
            {"by": karim.id, "most": MAX_QUICK_REPLIES},
        )
    assert (await add(desk, karim)).status_code == 201
    answer = await add(desk, karim, "Une de trop")
    assert (answer.status_code, answer.json()["code"]) == (409, "quick_replies_full")
    assert len(await titles(desk, karim)) == MAX_QUICK_REPLIES


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("title", " ", "text_empty"),
        ("title", "é" * 101, "text_too_long"),
        ("title", "a\nb", "text_control"),
        ("text", " \n", "text_empty"),
        ("text", "é" * 20_001, "text_too_long"),
        ("shared", True, "extra_forbidden"),
    ],
)
async def test_a_wrong_field_is_named(desk, karim, field, value, code):
    body = {"title": "Bonjour", "text": "Rien."} | {field: value}
    answer = await desk.send(karim, "POST", "/quick-replies", body)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (422, field, code)
