"""What `status` shows of a part that answers requests although one of its loops has failed."""

import json
import re

from local.launcher.settings import ROOT
from local.launcher.watching import condition, figures
from local.launcher.watching.condition import Condition

STUCK = "NATS has no stream SALES: have messaging set up again"
HEALTH = {
    "ready": True,
    "database": "ok",
    "relay": "ok: found nothing to publish 3 s ago",
    "consumer SALES": STUCK,
}


def test_a_loop_that_cannot_go_on_is_named_with_the_remedy(capsys):
    ready, reasons = condition.readiness_in(json.dumps(HEALTH).encode())
    assert (ready, reasons) == (True, (f"consumer SALES: {STUCK}",))
    tickets = Condition(part="tickets", process="7", ready=ready, reasons=reasons)
    assert not tickets.is_well
    condition.show([tickets])
    shown = capsys.readouterr().out
    assert "troubled" in shown
    assert f"tickets (7): consumer SALES: {STUCK}" in shown


def test_a_part_whose_loops_go_on_is_well():
    ready, reasons = condition.readiness_in(
        json.dumps(HEALTH | {"consumer SALES": "ok: started 0 s ago"})
    )
    assert Condition(part="tickets", process="7", ready=ready, reasons=reasons).is_well


def test_dead_letters_and_late_mails_count_as_trouble(capsys):
    for reported, words in (
        (figures.Figures(most=10, dead_letters=2), "2 events failed and became dead letters"),
        (figures.Figures(most=10, mails=0, mails_too_old=1), "1 mails came too late to be sent"),
    ):
        found = Condition(part="tickets", process="7", ready=True, figures=reported)
        assert not found.is_well
        condition.show([found])
        shown = capsys.readouterr().out
        assert "troubled" in shown
        assert f"tickets (7): {words}" in shown


def test_an_unknown_lag_is_none():
    found = figures.read(
        'guichet_consumer_lag_events{stream="SALES"} NaN\n'
        'guichet_consumer_lag_events{stream="IDENTITY"} 2.0\n'
    )
    assert found.lag == {"IDENTITY": 2}


def test_every_loop_is_named_where_operators_read():
    made = re.compile(r"""(?:Background|Loop)\(\s*f?"([^"{]+)""")
    sources = [*ROOT.glob("libs/chassis/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]
    names = {name for source in sources for name in made.findall(source.read_text())}
    assert {"relay", "consumer ", "live hints", "mail worker ", "forgetting"} <= names
    page = (ROOT / "docs" / "operations.md").read_text()
    [row] = [line for line in page.splitlines() if line.startswith("| `guichet_loop_trouble`")]
    # `bus` is the connection to NATS, which readiness reports as `broker`.
    assert {name for name in names - {"bus"} if f"`{name}" not in row} == set()


def test_alerts_use_documented_metrics():
    rules = (ROOT / "deploy" / "alerts.yml").read_text()
    page = (ROOT / "docs" / "operations.md").read_text()
    named = {name.removesuffix("_count") for name in re.findall(r"guichet_\w+", rules)}
    assert "guichet_loop_trouble" in named
    assert {name for name in named if f"`{name}`" not in page} == set()
