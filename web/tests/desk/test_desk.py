"""The desk's addresses, what is typed there, and modules whose session has ended."""

import re
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from fastapi import FastAPI, Request

import web.desk
from contracts.tickets.api import Priority, Sort
from web.desk.desk import minutes_of
from web.desk.views import PRIORITIES, DeskView, desk_view
from web.shared import components, words
from web.shared.forms import Form
from web.shared.text.numbers import whole

MODULE = {"X-Guichet-Person": "somebody"}


async def at(query: str) -> DeskView:
    """What the address with this query names."""
    return await desk_view(Request({"type": "http", "query_string": query.encode()}))


async def test_an_address_of_the_desk_leads_to_where_it_was_made():
    somewhere = DeskView(
        queue="en-cours",
        order="priorite",
        product=str(uuid4()),
        priority="haute",
        opened_from="2026-01-02",
        opened_to="2026-11-24",
        answered_by=str(uuid4()),
        unread=True,
        after="a+b/c=",
    )
    assert await at(urlsplit(somewhere.address(4127)).query) == somewhere
    assert somewhere.address(4127).startswith("/demandes/4127?")
    assert somewhere.filters.priority == Priority.HIGH
    assert somewhere.sort == Sort.PRIORITY


@pytest.mark.parametrize(
    "query",
    [
        "vue=toutes",
        "tri=hasard",
        "priorite=extreme",
        "produit=1%27%20OR",
        "par=moi",
        "du=hier",
        "du=1066-10-14",
        "au=20000-01-01",
        "non-lues=peut-etre",
    ],
)
async def test_what_an_address_names_wrongly_is_left_out(query):
    assert await at(query) == DeskView()


async def test_a_queue_is_narrowed_by_filters_alone():
    assert not (await at("vue=resolues&tri=recentes&apres=x")).is_narrowed
    assert (await at("du=2026-11-24")).is_narrowed
    assert (await at("non-lues=oui")).everything() == DeskView()


async def test_each_queue_has_its_own_order_until_another_is_asked_for():
    assert (await at("vue=a-traiter")).shown_order == "attente"
    assert (await at("vue=resolues")).shown_order == "recentes"
    assert (await at("vue=resolues&tri=attente")).shown_order == "attente"


# What the templates of the desk mark by a colour, and the colour's name among the styles.
COLOURED = {"is-unread": "turn", "msg--new": "turn", "msg--staff": "brand", "msg--note": "note"}


def test_the_legend_explains_every_mark_that_the_desk_can_make(app: FastAPI):
    """A new one without a line of the legend fails here."""
    legend = app.state.templates.get_template("desk/queue/legend.html").render(
        icon=components.icon,
        status=components.status,
        priority=components.priority,
        priorities=PRIORITIES,
        example_day=date(2026, 7, 9),
    )
    for kind in words.STATUSES.keys() - {"turn"}:  # to customers alone
        assert f"status--{kind}" in legend
    for priority in Priority:
        assert f"prio--{priority}" in legend
    signs = components.PRIORITY_ICONS
    assert len(set(signs.values())) == len(signs) == len(Priority), "each has a sign of its own"
    templates = Path(web.desk.__file__).parent / "templates"
    lines = (templates / "queue/lines.html").read_text(encoding="utf-8")
    for sign in re.findall(r"icon\('([a-z-]+)'", lines):
        assert f"#i-{sign}" in legend
    made = "".join(file.read_text(encoding="utf-8") for file in templates.rglob("*.html"))
    assert set(re.findall(r"\b(is-[a-z]+|msg--[a-z]+)", made)) == COLOURED.keys()
    for colour in {*COLOURED.values(), "danger"}:
        assert f"swatch--{colour}" in legend


@pytest.mark.parametrize(("typed", "minutes"), [("", None), (" 15 ", 15), ("0", 0)])
def test_time_spent_is_read_as_typed(typed, minutes):
    form = Form(values={"minutes": typed})
    assert minutes_of(form) == minutes
    assert not form.is_refused


@pytest.mark.parametrize("typed", ["beaucoup", "-5", "1,5", "99999", "²"])
def test_a_time_that_cannot_be_read_is_refused_and_still_there(typed):
    form = Form(values={"minutes": typed})
    assert minutes_of(form) is None
    assert "minutes" in form.errors
    assert form["minutes"] == typed


def test_a_position_that_a_hand_has_changed_is_no_position():
    assert whole("12") == 12
    assert [whole(typed) for typed in ("", "-1", "x", "9" * 19, "²")] == [None] * 5


def test_minutes_read_as_people_say_them():
    read = [words.minutes(value).replace("\u00a0", " ") for value in (None, 0, 15, 75)]
    assert read == ["—", "0 min", "15 min", "1 h 15"]


# --- Modules whose session has ended ----------------------------------------------------------


async def test_a_module_of_the_desk_is_told_that_the_session_ended_and_led_nowhere(browser):
    for path in ("/demandes/1", "/demandes/1/brouillon", "/demandes/1/lu"):
        answer = await browser.post(path, data={"text": "Gardé"}, headers=MODULE)
        assert (answer.status_code, answer.text) == (401, ""), path
    for path in ("/demandes/1/reponses-types", "/demandes/personnel"):
        assert (await browser.get(path, headers=MODULE)).status_code == 401, path
    assert (await browser.get("/demandes/file")).status_code == 204
    assert (await browser.get("/demandes/1/echange")).status_code == 204
