"""The command line of a service, in this process and on a real database."""

import asyncio
import sys
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
import rich  # noqa: F401 - is there, so that a process can do without
from sqlalchemy import text
from typer.testing import CliRunner, Result

from chassis import starting
from chassis.command import run, service_command
from chassis.data.database import Database
from chassis.messaging.outbox import DeadLetter
from chassis.testing import wrap
from contracts.catalog.events import ProductsChanged, ProductState
from local.launcher.machine.processes import free_port

MODULES = {
    "__init__": "",
    "settings": "from chassis.settings import ServiceSettings\n"
    "class Settings(ServiceSettings):\n    service: str = 'depot'\n",
    "handlers": """
from chassis.messaging.bus import Subscriptions
from contracts.catalog.events import ProductsChanged

subscriptions = Subscriptions()

@subscriptions.on(ProductsChanged)
async def hear(session, event):
    if not event.products:
        raise ValueError("nothing in it")
""",
}


@pytest.fixture
def depot(tmp_path: Path, monkeypatch) -> Generator[str]:
    """A service of this name, with settings and one handler."""
    (tmp_path / "depot").mkdir()
    for name, code in MODULES.items():
        (tmp_path / "depot" / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "depot"
    for name in [each for each in sys.modules if each.split(".")[0] == "depot"]:
        del sys.modules[name]


async def run_command(database: Database, *words: str) -> Result:
    """In a thread, for commands begin loops of their own."""
    url = database.engine.url.render_as_string(hide_password=False)
    environment = {"GUICHET_DATABASE_URL": url}
    cli = service_command("depot")
    return await asyncio.to_thread(CliRunner().invoke, cli, words, env=environment)


async def store_dead_letter(database: Database, body: str) -> None:
    async with database.transaction() as session:
        session.add(
            DeadLetter(
                stream="CATALOG",
                position=7,
                subject="catalog.products-changed.v1.x",
                body=body,
                error="ValueError: é",
                attempts=3,
            )
        )


async def test_dead_letters_are_listed_shown_handled_again_and_dropped(depot, database):
    product = ProductState(id=uuid4(), version=1, reference="A", designation="é", on_sale=True)
    good, bad = (
        wrap(ProductsChanged(change_id=uuid4(), products=products)).model_dump_json()
        for products in ([product], [])
    )
    for body in (good, bad, "no JSON"):
        await store_dead_letter(database, body)

    listed = await run_command(database, "dead-letters", "list")
    lines = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert lines[0][2:] == ["catalog.products-changed.v1.x", "3", "ValueError: é"]
    assert lines[0][1].endswith("Z")

    shown = await run_command(database, "dead-letters", "show", "1")
    assert '"designation": "é"' in shown.stdout
    assert shown.stdout.startswith('{\n  "specversion"')
    assert (shown.stderr, shown.exit_code) == ("error: ValueError: é\n", 0)
    assert (await run_command(database, "dead-letters", "show", "3")).stdout == "no JSON\n"
    missing = await run_command(database, "dead-letters", "show", "9")
    assert (missing.exit_code, missing.stderr) == (1, "there is no dead letter 9 in depot\n")

    again = await run_command(database, "dead-letters", "retry", "1", "2", "9")
    assert again.stdout == "1: handled\n2: failed: ValueError: nothing in it\n9: not there\n"
    assert again.exit_code == 1
    async with database.reading() as reader:
        handled = await reader.execute(
            text("SELECT consumer, stream, position FROM messaging.inbox")
        )
        assert [tuple(row) for row in handled] == [("depot", "CATALOG", 7)]

    dropped = await run_command(database, "dead-letters", "drop", "2", "9")
    assert (dropped.stdout, dropped.exit_code) == ("2: dropped\n9: not there\n", 1)
    dropped = await run_command(database, "dead-letters", "drop", "3")
    assert (dropped.stdout, dropped.exit_code) == ("3: dropped\n", 0)
    assert (await run_command(database, "dead-letters", "list")).stdout == ""


async def test_without_a_command_all_of_them_are_shown(depot, database):
    for words, named in (((), ("serve", "migrate", "dead-letters")),
                         (("dead-letters",), ("list", "show", "retry", "drop"))):  # fmt: skip
        answer = await run_command(database, *words)
        assert [name for name in named if name not in answer.output] == []


async def test_a_database_that_is_away_ends_a_command_with_one_line(depot, monkeypatch):
    url = f"postgresql+psycopg://x:secret@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("GUICHET_DATABASE_URL", url)
    monkeypatch.setattr("sys.argv", ["depot", "dead-letters", "list"])
    with pytest.raises(SystemExit, match=r"^the database failed: .*Connection refused") as ended:
        await asyncio.to_thread(run, depot)
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize(
    ("words", "serve_only", "started", "declines"),
    [
        (["serve"], False, "chassis.http.server", True),
        (["migrate"], False, "chassis.command", False),
        ([], False, "chassis.command", False),
        (["migrate"], True, "chassis.http.server", True),
    ],
)
def test_a_process_imports_what_it_is_started_for(
    monkeypatch, words, serve_only, started, declines
):
    seen = []

    def import_module(name: str) -> object:
        def start(package: str) -> None:
            seen.append((name, package, sys.modules["rich"] is None))
            raise KeyboardInterrupt

        return SimpleNamespace(serve_from_arguments=start, run=start)

    modules = {name: sys.modules.get(name) for name in starting.UNNEEDED_IMPORTS}
    monkeypatch.setattr(starting, "import_module", import_module)
    monkeypatch.setattr("sys.argv", ["depot", *words])
    if declines:
        monkeypatch.delitem(sys.modules, "rich")
    try:
        with pytest.raises(SystemExit) as ended:
            starting.main("depot", serve_only=serve_only)
    finally:
        for name, module in modules.items():
            if module is None:
                sys.modules.pop(name, None)
    assert ended.value.code == 130
    assert seen == [(started, "depot", declines)]
