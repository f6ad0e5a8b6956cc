"""`python -m catalog import-products`, as the administrator of the machine runs it."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from typer.testing import CliRunner, Result

from catalog.commands import cli
from chassis import migrations, testing

HEADER = b"reference,designation,on_sale\n"

RUNNING = "test_catalog_running"


@pytest.fixture(scope="module")
def owner_url() -> str:
    """The database as its owner sees it, who migrates; another role runs there."""
    url = testing.fresh_database("test_catalog_command")
    role = sql.Identifier(RUNNING)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [RUNNING]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        for right in (
            "USAGE ON SCHEMAS",
            "SELECT, INSERT, UPDATE, DELETE ON TABLES",
            "USAGE, SELECT, UPDATE ON SEQUENCES",
        ):
            connection.execute(
                sql.SQL("ALTER DEFAULT PRIVILEGES GRANT {} TO {}").format(sql.SQL(right), role)
            )
    migrations.upgrade("catalog", url)
    return url


@pytest.fixture(scope="module")
def url(owner_url: str) -> str:
    """The same for the running role, which owns nothing."""
    return make_url(owner_url).set(username=RUNNING).render_as_string(hide_password=False)


@pytest.fixture
def connection(owner_url: str):
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("TRUNCATE products")
        yield connection


@pytest.fixture
def import_products(url: str, tmp_path: Path) -> Callable[..., Result]:
    """Import a file with these bytes, or whatever is named instead; `./guichet` tests the process."""

    def run(content: bytes, name: str | None = None) -> Result:
        file = tmp_path / "products.csv"
        file.write_bytes(content)
        return CliRunner().invoke(
            cli,
            ["import-products", name or str(file)],
            input=content if name == "-" else None,
            env={"GUICHET_DATABASE_URL": url},
        )

    return run


def products(connection: psycopg.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT reference, designation FROM products").fetchall())


def test_a_good_file_is_reported(import_products, connection):
    done = import_products(HEADER + b"A-1,Une chose,true\nA-2,Une autre,false\n")

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("2 rows in ")
    assert (
        "2 created, 0 changed (0 of them withdrawn from sale), 0 unchanged, 0 rejected"
        in done.stdout
    )
    assert products(connection) == {"A-1": "Une chose", "A-2": "Une autre"}


def test_rejected_rows_are_reported_in_words_and_the_rest_goes_in(import_products, connection):
    done = import_products(HEADER + b"A-1,Une chose,true\nA-2,Rien,yes\nA-1,La meme,true\n")

    assert done.exit_code == 0
    assert (
        "line 3: 'A-2': on_sale is neither true nor false, but 'yes' (on_sale_unreadable)"
        in done.stdout
    )
    assert (
        "line 4: 'A-1': this reference came before in the file (reference_repeated)" in done.stdout
    )
    assert products(connection) == {"A-1": "Une chose"}


def test_twin_references_are_reported_and_accepted(import_products, connection):
    done = import_products(HEADER + b"A-1,Une chose,true\na1,Une autre,true\n")

    assert done.exit_code == 0
    assert "line 3: 'a1' looks like 'A-1', line 2" in done.stdout
    assert len(products(connection)) == 2


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (
            "A-1,Une chose,VRAI\nA-2,Une autre,FAUX\n,Rien,true\n",
            "on_sale is neither true nor false, but 'VRAI' (2 rows);"
            " nothing in the reference can be seen (1 rows)",
        ),
        ("", "the file has no rows"),
    ],
)
def test_a_file_of_which_nothing_was_taken_ends_otherwise(import_products, connection, rows, why):
    done = import_products(HEADER + rows.encode())

    assert done.exit_code == 3
    assert f"Not one row was taken: {why}." in done.stderr
    assert products(connection) == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"ref,name,on_sale\nA-1,Une chose,true\n", "line 1 is not reference,designation,on_sale"),
        (HEADER + b"A-1,Une chose,true\nA-2,\xff,true\n", "line 3, column 5"),
        (HEADER + b"A-1,Une chose,true\nA-2,Une", "in the middle of the row of line 3"),
    ],
)
def test_a_condemned_file_fails_and_changes_nothing(import_products, connection, content, expected):
    done = import_products(content)

    assert done.exit_code == 1
    assert expected in done.stderr
    assert "Nothing was changed" in done.stderr
    assert "Traceback" not in done.stderr
    assert products(connection) == {}


def test_standard_input_is_read(import_products, connection):
    done = import_products(HEADER + b"A-1,Une chose,true\n", "-")

    assert done.exit_code == 0, done.stderr
    assert products(connection) == {"A-1": "Une chose"}


@pytest.mark.parametrize(
    ("name", "expected"), [("/nowhere/at/all.csv", "No such file"), ("/tmp", "Is a directory")]
)
def test_a_file_that_cannot_be_read_is_named(import_products, connection, name, expected):
    done = import_products(HEADER, name)

    assert done.exit_code == 1
    assert f"{name}: {expected}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_import_at_the_same_time_is_refused(import_products, connection):
    connection.execute("BEGIN")
    connection.execute("SELECT pg_advisory_xact_lock(1754407)")
    done = import_products(HEADER + b"A-1,Une chose,true\n")
    connection.execute("ROLLBACK")

    assert done.exit_code == 1
    assert "another import is under way" in done.stderr
    assert products(connection) == {}
