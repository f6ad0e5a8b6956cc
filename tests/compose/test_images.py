"""What an image holds, and what it lacks on purpose."""

import json

import pytest

from compose.installation import PARTS, Installation
from local.compose_engine import docker

ANY = pytest.mark.parametrize("part", PARTS)


def run_in(installation: Installation, part: str, *command: str) -> str:
    """A container of the image alone."""
    return docker(
        "run", "--rm", "--network", "none", "--entrypoint", command[0],
        installation.image(part), *command[1:],
    )  # fmt: skip


def lacking(installation: Installation, part: str, modules: list[str]) -> list[str]:
    program = (
        "import sys, importlib.util as u; print([m for m in sys.argv[1:] if not u.find_spec(m)])"
    )
    said = run_in(installation, part, "python", "-c", program, *modules)
    return json.loads(said.replace("'", '"'))


@ANY
def test_it_holds_its_own_service_and_no_other(installation, part):
    others = [other for other in PARTS if other != part]
    assert lacking(installation, part, [part, *others]) == others


@ANY
def test_it_holds_neither_tests_nor_tools(installation, part):
    unwanted = ["pytest", "hypothesis", "pip", "local", "ruff", "playwright"]
    assert lacking(installation, part, unwanted) == unwanted
    found = run_in(installation, part, "sh", "-c", "command -v gcc cc make git npm node pip; true")
    assert found == ""
    found = run_in(installation, part, "find", "/opt/guichet/lib", "-name", "test_*.py",
                   "-path", f"*/{part}/*")  # fmt: skip
    assert found == ""


def test_the_webs_knows_no_database_and_no_broker(installation):
    unwanted = ["sqlalchemy", "psycopg", "alembic", "nats"]
    assert lacking(installation, "web", unwanted) == unwanted
    assert lacking(installation, "sales", unwanted) == []


def test_only_the_webs_holds_what_browsers_get(installation):
    for part in PARTS:
        listed = run_in(installation, part, "ls", "/opt/guichet/node_modules")
        assert ("htmx.org" in listed) == (part == "web"), part


@ANY
def test_it_is_compiled(installation, part):
    """Nothing could be kept of what Python compiles where it runs."""
    program = f"""
import sys
from pathlib import Path
import {part}.app, {part}.__main__
specs = [module.__spec__ for module in list(sys.modules.values()) if module.__spec__]
print([spec.name for spec in specs if spec.cached and not Path(spec.cached).exists()])
"""
    assert run_in(installation, part, "python", "-c", program).strip() == "[]"


@ANY
def test_it_runs_as_nobody_special_and_tells_of_itself(installation, part, figures):
    [image] = json.loads(docker("image", "inspect", installation.image(part)))
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"] == ["CMD", "healthy"]
    assert config["Labels"]["org.opencontainers.image.title"] == f"guichet-{part}"
    assert config["Labels"]["org.opencontainers.image.version"] == installation.name
    figures.append(f"image of {part}: {image['Size'] / 1e6:.0f} MB")


@ANY
def test_without_settings_it_says_which_is_missing(installation, part):
    done = installation.compose.run(
        "run", "--rm", "--no-deps", "--no-TTY", "--env", f"{REQUIRED[part]}_FILE=", part
    )
    assert done.returncode == 2
    missing = REQUIRED[part]
    assert f"{part}: {missing} is missing: set it, or {missing}_FILE to a file" in done.stderr


REQUIRED = dict.fromkeys(PARTS, "GUICHET_DATABASE_URL") | {"web": "GUICHET_WEB_SECRET"}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "GUICHET_DATABASE_URL_FILE",
            "/run/secrets/nowhere",
            "/run/secrets/nowhere cannot be read",
        ),
        ("GUICHET_TIME_ZONE", "Mars/Olympus", "GUICHET_TIME_ZONE: "),
        ("GUICHET_PORT", "99999", "GUICHET_PORT: "),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(installation, variable, value, said):
    done = installation.compose.run(
        "run", "--rm", "--no-deps", "--no-TTY", "--env", f"{variable}={value}", "sales"
    )
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("sales: ")]
    assert said in line
