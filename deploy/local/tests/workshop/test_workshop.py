"""The commands for people who change Guichet."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.launcher import assets
from local.launcher.machine.processes import CannotStart, free_port, wait_until
from local.launcher.machine.servers import get
from local.launcher.programs import Service
from local.launcher.settings import ROOT
from local.launcher.watching import reading_logs
from local.workshop import checks, history, migration
from local.workshop.parts import PARTS
from local.workshop.reload import watching
from local.workshop.testing import changed, tests

# --- Changed code is reloaded -----------------------------------------------------------------


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """A copy of web's sources, which may be changed."""
    root = tmp_path_factory.mktemp("checkout")
    subprocess.run(["cp", "-r", "--parents", "web/src", root], cwd=ROOT, check=True)
    return root


@pytest.fixture(scope="module")
def web(sources):
    assets.bring()
    environment = {
        **os.environ,
        "PYTHONPATH": str(sources / "web/src"),
        "GUICHET_WEB_SECRET": "a secret that is long enough for every form",
        "GUICHET_ASSETS": str(ROOT / "node_modules"),
    }
    web = Service("web", free_port(), sources / "web.log", environment, reloads=True)
    web.start()
    try:
        web.wait_for(web.is_ready, 60)
        yield web
    finally:
        web.stop()


def page(web: Service) -> str:
    return (get(web.port, "/connexion", whatever=True) or b"").decode()


def versions(web: Service) -> set[str]:
    return set(re.findall(r"/static/(\w+)/", page(web)))


def loaded(web: Service, suffix: str) -> str:
    """The contents of all files of this kind that the page loads."""
    addresses = re.findall(rf'"(/static/[^"]+\.{suffix})"', page(web))
    return "".join((get(web.port, each, whatever=True) or b"").decode() for each in addresses)


def test_a_change_is_visible_in_the_page(sources, web, monkeypatch, record_property):
    """An unfinished module is reported with its error, until the next change."""
    monkeypatch.setattr(watching, "ROOT", sources)
    messages: list[str] = []
    package = sources / "web/src/web"

    def append(file: str, text: str) -> None:
        path = package / file
        path.write_text(path.read_text() + text)

    sign_in = package / "account/templates/sign_in.html"
    changes = {
        "template": (
            lambda: replace(sign_in, ">{{ _('Se connecter') }}<", ">Entrer<"),
            lambda: ">Entrer<" in page(web),
        ),
        "style": (
            lambda: append("shared/styles/base.css", "\n.changed { color: red }\n"),
            lambda: ".changed {" in loaded(web, "css"),
        ),
        "script": (
            lambda: append("shared/scripts/page.js", "\nwindow.changed = true;\n"),
            lambda: "window.changed" in loaded(web, "js"),
        ),
    }

    with watching.watching({"web": web}, messages.append):

        def is_watched() -> bool:
            """Nothing shows when it begins."""
            append("app.py", "\n")
            return wait_until(lambda: bool(messages), 3)

        assert wait_until(is_watched, 60)
        holding = web.pid
        for kind, (change, is_seen) in changes.items():
            before, saved = versions(web), time.monotonic()
            change()
            assert wait_until(is_seen, 60, 0.02)
            seconds = time.monotonic() - saved
            record_property("counted", f"a changed {kind} is seen after {seconds:.1f} s")
            # What makes it fast: no new program is started, which would import all libraries.
            assert web.pid == holding
            # A browser keeps for ever what it has loaded from an address.
            assert kind == "template" or not before & versions(web)

        replace(package / "app.py", 'title="Guichet"', "title=")
        assert wait_until(lambda: any("SyntaxError" in line for line in messages), 60)
        assert "web does not take web/src/web/app.py" in messages[-1]
        replace(package / "app.py", "title=,", 'title="Guichet",')
        assert wait_until(lambda: ">Entrer<" in page(web), 60)
    assert web.is_alive()


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_change_in_a_shared_package_reloads_all_parts():
    every = ["identity", "catalog", "sales", "tickets", "notifications", "web"]
    assert watching.reached([ROOT / "libs/chassis/src/chassis/http/paging.py"]) == every
    assert watching.reached([ROOT / "services/sales/src/sales/queries.py"]) == ["sales"]
    assert watching.reached([ROOT / "web/src/web/shared/styles/guichet.css"]) == ["web"]
    assert watching.reached([ROOT / "deploy/local/src/local/cli.py"]) == []


# --- Tests that a change reaches --------------------------------------------------------------


def parts_of(*files: str) -> set[str]:
    return {changed.part_of(ROOT / test) for test in changed.tests_of(files)}


def test_a_change_selects_the_tests_that_import_it():
    assert parts_of("services/sales/src/sales/queries.py") == {"sales"}
    assert {"sales", "web"} <= parts_of("contracts/src/contracts/sales/api.py")
    assert "catalog" not in parts_of("services/tickets/src/tickets/models.py")
    assert parts_of("libs/chassis/src/chassis/data/database.py") >= {"chassis", "sales", "tickets"}
    assert parts_of("web/src/web/shared/templates/base.html") == {"web"}
    assert parts_of("services/sales/src/sales/migrations/versions/0001_initial.py") == {"sales"}
    assert parts_of("README.md", "bench/pages.py") == set()
    assert parts_of("pyproject.toml") == set(PARTS) - {"e2e", "faults"}


def test_a_changed_test_selects_itself():
    own = "services/sales/tests/test_models.py"
    assert changed.tests_of([own]) == [own]
    story = "tests/e2e/test_main_story.py"
    assert changed.tests_of([story, "services/sales/tests/test_gone.py"]) == [story]
    assert len(changed.tests_of(["services/sales/tests/conftest.py"])) > 5


def test_one_service_alone_is_a_part_of_all():
    reached = changed.Reached("main", changed.tests_of(["services/sales/src/sales/models.py"]))
    assert reached.described() == f"sales {len(reached.tests)} files"


def test_git_lists_what_differs(tmp_path, monkeypatch):
    def git(*words: str) -> None:
        person = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        subprocess.run(["git", *person, *words], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setattr(history, "ROOT", tmp_path)
    assert history.files_at("HEAD", "contracts") is None
    git("init", "--initial-branch", "main")
    (tmp_path / "one.py").write_text("1")
    (tmp_path / ".gitignore").write_text("build/")
    git("add", ".")
    git("commit", "-m", "One.")
    git("switch", "-c", "work")
    (tmp_path / "two.py").write_text("2")
    git("add", ".")
    git("commit", "-m", "Two.")
    (tmp_path / "three é.py").write_text("3")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "four.py").write_text("4")
    (tmp_path / "one.py").unlink()

    base = history.base()
    assert base.name == "main"
    assert history.changed_since(base.commit) == ["one.py", "three é.py", "two.py"]
    assert history.files_at(base.commit, ".") == {".gitignore", "one.py"}


def test_check_fix_repairs_what_tools_can(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "CHECKS", {"formatter": checks.CHECKS["formatter"]})
    monkeypatch.setattr(checks, "FIX_SCRIPTS", ("-c", ""))  # this checkout stays as it is
    file = tmp_path / "a.py"
    file.write_text("x = {  'a':1 }")
    assert checks.check() == 1
    assert checks.check(fix=True) == 0
    assert file.read_text() == 'x = {"a": 1}\n'


def test_help_for_the_tests_speaks_of_parts(capsys):
    assert tests.test(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in (*PARTS, "compose", "changed"))


# --- Migrations -------------------------------------------------------------------------------


def write_migration(checkout: Path, words: str) -> subprocess.CompletedProcess[str]:
    """As `./guichet migration catalog "words"` does there, with the packages of this one."""
    environment = {**os.environ, "PYTHONPATH": ":".join(str(checkout / each) for each in COPIED)}
    return subprocess.run(
        [sys.executable, "-P", "-m", "local", "migration", "catalog", words],
        cwd=checkout, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


COPIED = ("contracts/src", "libs/chassis/src", "services/catalog/src", "deploy/local/src")


def test_a_migration_is_written_from_the_models(tmp_path):
    """Numbered after the last one and named after the words; with it nothing is missing."""
    subprocess.run(
        ["cp", "-r", "--parents", *COPIED, "pyproject.toml", tmp_path], cwd=ROOT, check=True
    )
    package = tmp_path / "services/catalog/src/catalog"
    versions = package / "migrations/versions"
    last = max(versions.glob("[0-9]*.py")).name[:4]
    replace(
        package / "models.py",
        "    designation: Mapped[str]\n",
        "    designation: Mapped[str]\n    colour: Mapped[str | None]\n",
    )

    written = write_migration(tmp_path, "les produits ont une couleur : l’été.")
    assert written.returncode == 0, written.stdout + written.stderr
    number = f"{int(last) + 1:04}"
    file = versions / f"{number}_les_produits_ont_une_couleur_l_ete.py"
    assert f"✓ {file.relative_to(tmp_path)}\n" in written.stdout
    text = file.read_text()
    assert text.startswith('"""Les produits ont une couleur : l’été."""\n')
    assert f'revision = "{number}"\ndown_revision = "{last}"\n' in text
    upgrade = text.partition("def upgrade() -> None:\n")[2]
    assert upgrade == (
        '    op.add_column("products", sa.Column("colour", sa.Text(), nullable=True))\n'
    )

    again = write_migration(tmp_path, "Once more")  # from a database that this one has changed
    assert again.returncode == 1
    assert "The models of catalog say nothing that its migrations do not." in again.stderr
    assert list(versions.glob(f"{int(number) + 1:04}*")) == []


def test_a_migration_is_refused_where_there_is_no_database():
    with pytest.raises(CannotStart, match=r"web has no database\. There are: identity"):
        migration.write("web", "something")
    with pytest.raises(CannotStart, match="named after what it does"):
        migration.write("sales", "…")


# --- Logs -------------------------------------------------------------------------------------


def test_logs_are_lines_for_a_person():
    ours = {"event": "request", "level": "info", "logger": "http", "status": 200}
    requested = {"RequestMethod": "GET", "RequestPath": "/connexion", "DownstreamStatus": 200}
    gateway = {"time": "2026-11-24T09:30:00Z", **requested, "Duration": 12_345_678}
    written = [
        "==> /state/logs/sales.log <==",
        json.dumps(ours | {"timestamp": "2026-11-24T09:30:00.123456Z"}),
        "Traceback (most recent call last):",
        "",
        "==> /state/logs/gateway.log <==",
        json.dumps(gateway),
        '"no object"',
    ]
    names = {"/state/logs/sales.log": "sales", "/state/logs/gateway.log": "gateway"}
    plain = [
        re.sub(r"\x1b\[[\d;]*m|  +", " ", line) for line in reading_logs.readable(written, names)
    ]
    assert len(plain) == 4
    assert re.match(r"sales +09:30:00.123 \[info *\] request .*status=200", plain[0])
    assert re.match(r"sales +Traceback", plain[1])
    assert re.search(r"GET /connexion .*milliseconds=12.3 .*status=200", plain[2])


def test_elsewhere_than_at_a_terminal_logs_stay_as_they_are(tmp_path):
    log = tmp_path / "sales.log"
    log.write_text('{"event": "one"}\n{"event": "two"}\n')
    program = (
        "from pathlib import Path; from local.launcher.watching import reading_logs as l;"
        f"l.show({{'sales': Path({str(log)!r})}}, lines=1, follow=False)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    assert '{"event": "two"}\n' in done.stdout
    assert "one" not in done.stdout
