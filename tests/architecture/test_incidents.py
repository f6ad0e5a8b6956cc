"""What docs/operations.md says is seen when something is wrong, the product still says."""

import ast
import functools
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from incidents.page import Row, rows

ROOT = Path(__file__).parents[2]
SOURCES = ("contracts/src", "libs/*/src", "services/*/src", "web/src", "deploy", "gateway")
# What Docker and PostgreSQL say, or the page itself; `docker compose` says ours after it.
OTHERS = (
    "invalid mount config",
    "bind source path does not exist",
    "docker.sock",
    "docker-view",
    "No such image",
    "Bind for ",
    "no space left on device",
    "is not set; run ./guichet compose init",
    "password authentication failed",
    "connection to server at",
    "/run/secrets/",
)
VALIDATION = re.compile(r"^[A-Z_]+: Value error")  # in Pydantic's words
PLACES = {"/health/ready", "migrate-…", "migrate-identity", "roll", "unhealthy", "nats", "up -d"}

INCIDENTS, CONTAINERS = "tests/incidents", "tests/compose/test_incidents.py"
LOCAL = "deploy/local/tests"
# Each row by words of its first cell, and where it is caused, seen and repaired.
SHOWN = {
    "required variable": "tests/compose/test_installation.py::test_without_init_the_remedy_is_reported",
    "invalid mount config": f"{CONTAINERS}::test_a_secret_is_missing",
    "docker.sock": f"{CONTAINERS}::test_the_engine_listens_elsewhere",
    "No such image": f"{CONTAINERS}::test_an_image_was_not_built",
    "GUICHET_POOL_OVERFLOW": f"{LOCAL}/containers/test_compose_init.py"
    "::test_replicas_that_could_open_too_many_connections_while_one_part_is_renewed_are_refused",
    "fewer replicas": f"{CONTAINERS}::test_replicas_that_were_only_typed_are_taken_back",
    "429": f"{LOCAL}/gateway/test_gateway.py"
    "::test_browsers_behind_a_trusted_proxy_are_limited_each_by_itself",
    "is missing: set it": "tests/compose/test_images.py::test_without_settings_it_says_which_is_missing",
    "database: connection": f"{INCIDENTS}/test_parts.py::test_postgresql_refuses_the_password",
    "broker: away": f"{INCIDENTS}/test_nats.py::test_nats_is_away",
    "no room for more events": f"{INCIDENTS}/test_nats.py::test_nats_has_no_room",
    "does not say that it has stored": f"{INCIDENTS}/test_nats.py::test_the_disk_of_nats_is_full",
    "NATS has no stream for": f"{INCIDENTS}/test_nats.py::test_nats_has_lost_its_streams",
    "lost the files": f"{INCIDENTS}/test_nats.py::test_the_store_of_nats_is_deleted",
    "is empty and was not": f"{INCIDENTS}/test_nats.py::test_a_stream_is_empty_and_was_not",
    "has missed events": f"{INCIDENTS}/test_nats.py::test_events_were_missed",
    "does not let this service": f"{INCIDENTS}/test_nats.py::test_a_right_is_lost",
    "clock: this machine": "tests/faults/test_clocks.py"
    "::test_with_wrong_clocks_nobody_is_sent_away_and_nothing_is_too_old",
    "mails came too late": f"{INCIDENTS}/test_events_and_mail.py"
    "::test_an_announcement_is_held_up_for_two_days",
    "token_refused": f"{INCIDENTS}/test_parts.py::test_a_service_takes_no_token",
    "durable_made_again": f"{INCIDENTS}/test_nats.py::test_a_durable_is_deleted",
    "says nothing for": f"{INCIDENTS}/test_parts.py::test_a_loop_hangs",
    "signing keys": f"{INCIDENTS}/test_parts.py::test_identity_is_away",
    "takes no mail": f"{INCIDENTS}/test_events_and_mail.py::test_the_mail_server_is_away",
    "has the address of account": f"{INCIDENTS}/test_parts.py::test_two_accounts_have_one_address",
    "says that somebody holds a table": "libs/chassis/tests/test_troubles.py"
    "::test_a_table_that_stays_held_ends_a_migration_with_one_line",
    "somebody holds a table or a row": f"{INCIDENTS}/test_parts.py"
    "::test_somebody_holds_the_table_of_a_loop",
    "may not change the schema": f"{INCIDENTS}/test_parts.py"
    "::test_the_schema_is_older_and_newer_than_the_code",
    "PostgreSQL does not let this role": "libs/chassis/tests/test_troubles.py"
    "::test_rows_that_cannot_be_deleted_are_reported_and_requests_still_served",
    "cannot write down who runs": f"{INCIDENTS}/test_disks.py::test_the_disk_of_the_launcher_is_full",
    "the disk of PostgreSQL": f"{INCIDENTS}/test_disks.py::test_the_disk_of_postgresql_is_full",
    "databases: PostgreSQL refuses": f"{CONTAINERS}"
    "::test_the_volume_of_postgresql_is_older_than_the_secrets",
    "the new replicas were removed": f"{LOCAL}/containers/test_compose_engine.py"
    "::test_new_ones_that_are_never_ready_are_gone_and_the_schema_is_named",
    "a service is `unhealthy`": "tests/compose/test_installation.py"
    "::test_status_reports_every_container_and_why_one_is_not_well",
    "this code needs": f"{INCIDENTS}/test_parts.py::test_the_schema_is_older_and_newer_than_the_code",
    "newer than this code": f"{INCIDENTS}/test_parts.py"
    "::test_the_schema_is_older_and_newer_than_the_code",
    "port is already allocated": f"{CONTAINERS}::test_the_port_is_taken",
    "Parts of this Guichet": f"{LOCAL}/launcher/test_running.py"
    "::test_what_a_killed_launcher_left_is_named_and_ended",
    "« Guichet fermé » from the gateway": f"{INCIDENTS}/test_parts.py::test_all_of_a_part_is_away",
    "mail does not arrive": f"{INCIDENTS}/test_events_and_mail.py::test_the_mail_server_is_away",
    "GUICHET_NOTIFICATIONS_SECRET_FILE": f"{CONTAINERS}::test_the_secret_of_mail_cannot_be_read",
    "became dead letters": f"{INCIDENTS}/test_events_and_mail.py::test_an_event_fails_again_and_again",
    "session_unchecked": f"{INCIDENTS}/test_parts.py::test_identity_is_away",
}


def quotes_of(row: Row) -> Iterator[str]:
    """The words between what differs each time; what is too short to find is left out."""
    for quoted in row.quoted:
        if quoted in PLACES or any(other in quoted for other in OTHERS):
            continue
        pieces = (VALIDATION.sub("", piece).strip(" :;,.") for piece in quoted.split("…"))
        yield from (piece for piece in pieces if len(piece) > 4)


@functools.cache
def words_of_the_product() -> str:
    # And what Docker itself says of a port that somebody else has.
    return "\n".join([*constants(), "port is already allocated", "address already in use"])


def constants() -> Iterator[str]:
    for source in SOURCES:
        for file in ROOT.glob(f"{source}/**/*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_each_row_was_caused_and_repaired_by_a_test():
    for row in rows():
        [shown] = [test for words, test in SHOWN.items() if words in row.seen] or [
            f"no test: {row}"
        ]
        file, _, name = shown.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), shown
    assert len(SHOWN) == len(rows())


@pytest.mark.parametrize("row", [row for row in rows() if any(quotes_of(row))])
def test_a_row_quotes_messages_of_the_code(row):
    for words in quotes_of(row):
        pairs = [" ".join(pair) for pair in pairwise(words.split(": ")[-1].split())]
        pairs = pairs or [words.split()[-1]]
        found = [pair for pair in pairs if pair in words_of_the_product()]
        # Some are joined of parts only when they are said.
        assert 2 * len(found) >= len(pairs), words
