"""What an image holds, and what it lacks on purpose."""

import json

import pytest

from compose.installation import PARTS, Installation
from local.containers.engine import docker

ANY = pytest.mark.parametrize("part", PARTS)
TOOLS = ["pytest", "hypothesis", "pip", "local", "ruff", "playwright"]
STORES = ["sqlalchemy", "psycopg", "alembic", "nats"]
PROGRAMS = ["gcc", "cc", "make", "git", "npm", "node", "pip"]

# Run in a container of the image alone: its folders are looked at before anything is imported.
PROGRAM = """
import importlib, importlib.util, json, os, shutil, sys
from pathlib import Path
part, modules, programs = json.loads(sys.argv[1])
found = {
    "modules": [name for name in modules if importlib.util.find_spec(name)],
    "programs": [name for name in programs if shutil.which(name)],
    "tests": [str(file) for file in Path("/opt/guichet/lib").rglob(f"{part}/**/test_*.py")],
    "assets": os.listdir("/opt/guichet/node_modules"),
}
for name in ("app", "__main__"):
    importlib.import_module(f"{part}.{name}")
specs = [module.__spec__ for module in list(sys.modules.values()) if module.__spec__]
found["uncompiled"] = [
    spec.name for spec in specs if spec.cached and not Path(spec.cached).exists()
]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def contents(installation: Installation) -> dict[str, dict[str, list[str]]]:
    """What is found in each image of what might be there."""
    asked = [*PARTS, *TOOLS, *STORES]
    return {
        part: json.loads(
            docker(
                "run", "--rm", "--network", "none", "--entrypoint", "python",
                installation.image(part), "-c", PROGRAM, json.dumps([part, asked, PROGRAMS]),
            )
        )
        for part in PARTS
    }  # fmt: skip


@ANY
def test_it_holds_what_its_own_service_needs_and_is_compiled(contents, part):
    """Nothing could be kept of what Python compiles where it runs."""
    stores = [] if part == "web" else STORES
    assert contents[part]["modules"] == [part, *stores]
    assert contents[part]["programs"] == []
    assert contents[part]["tests"] == []
    assert contents[part]["uncompiled"] == []
    assert ("htmx.org" in contents[part]["assets"]) == (part == "web")


@ANY
def test_it_runs_as_an_ordinary_user_and_has_labels(installation, part, figures):
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
    ("variable", "value", "expected"),
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
def test_a_wrong_setting_is_named_in_one_line(installation, variable, value, expected):
    done = installation.compose.run(
        "run", "--rm", "--no-deps", "--no-TTY", "--env", f"{variable}={value}", "sales"
    )
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("sales: ")]
    assert expected in line
