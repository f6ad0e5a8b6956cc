"""`python -m identity staff ...` manages staff accounts."""

import contextlib
import os
import pty
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from chassis import testing
from identity.commands import cli

PASSWORD = "grenouille sur un vélo"


@pytest.fixture
def environment():
    """The environment of an installation without any account."""
    url = testing.migrated_database("identity", "test_identity_command")
    quick = {"GUICHET_PASSWORD_MEMORY_KIB": "8", "GUICHET_PASSWORD_PASSES": "1"}
    return {**os.environ, **quick, "GUICHET_DATABASE_URL": url}


@pytest.fixture
def staff(environment):
    """Run the command; standard input is the password."""

    def run(*arguments: str, password: str | None = None, **settings: str) -> Result:
        from_stdin = ["--password-stdin"] if password else []
        return CliRunner().invoke(
            cli,
            ["staff", *arguments, *from_stdin],
            input=f"{password}\n" if password else None,
            env=environment | settings,
        )

    return run


def somebody(email: str, role: str = "technician") -> list[str]:
    name = ["--first-name", "Karim", "--last-name", "Benali"]
    return ["add", "--email", email, *name, "--role", role]


def test_a_staff_account_is_added_changed_disabled_and_enabled(staff):
    added = staff(*somebody("claire@example.org", "administrator"), password=PASSWORD)
    assert (added.exit_code, added.stdout) == (0, "claire@example.org: administrator\n")
    staff(*somebody("Karim@example.org"), password=PASSWORD)

    assert staff("role", "karim@EXAMPLE.org", "seller").stdout == "Karim@example.org: seller\n"
    assert staff("disable", "karim@example.org").stdout == "Karim@example.org: disabled\n"
    assert staff("list").stdout.splitlines() == [
        "claire@example.org\tKarim Benali\tadministrator\tenabled\tnever",
        "Karim@example.org\tKarim Benali\tseller\tdisabled\tnever",
    ]
    assert staff("enable", "karim@example.org").exit_code == 0
    changed = staff("password", "karim@example.org", password="trois pommes et demie")
    assert changed.stdout == "Karim@example.org: password changed\n"

    last = staff("disable", "claire@example.org")
    assert (last.exit_code, last.stdout) == (1, "")
    assert last.stderr == "no other administrator could manage the staff\n"
    taken = staff(*somebody("KARIM@example.org"), password=PASSWORD)
    assert (taken.exit_code, taken.stderr) == (1, "another account has this address\n")


def test_each_mistake_is_one_line(staff):
    wrong = staff(*somebody("karim"), password="court")
    assert wrong.exit_code == 2
    assert wrong.stderr.splitlines() == [
        "email: an address contains an @",
        "password: at least 12 characters, 5 were given",
    ]
    common = staff(*somebody("k@example.org"), password="password1234")
    assert common.exit_code == 1
    assert common.stderr == "this password is among the first to be guessed\n"
    unknown = staff("disable", "personne@example.org")
    assert unknown.exit_code == 1
    assert unknown.stderr == "personne@example.org: no staff member has this address\n"
    assert staff("role", "karim@example.org", "customer").exit_code == 2
    staff(*somebody("court@example.org"), password=PASSWORD)
    short = staff("password", "court@example.org", password="court")
    assert short.exit_code == 2
    assert short.stderr == "password: at least 12 characters, 5 were given\n"


def test_without_a_terminal_a_password_comes_from_standard_input_only(staff):
    answer = staff(*somebody("sans@example.org"))
    assert answer.exit_code == 2
    assert "--password-stdin" in answer.stderr


def test_a_missing_database_or_table_is_reported(staff):
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:1/x"
    answer = staff("list", GUICHET_DATABASE_URL=nowhere)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.startswith("the database failed: connection to server at")
    assert "see that PostgreSQL runs and that GUICHET_DATABASE_URL leads to it" in answer.stderr
    assert answer.stderr.count("\n") == 1

    empty = testing.fresh_database("test_identity_empty")
    answer = staff("list", GUICHET_DATABASE_URL=empty)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "python -m identity migrate" in answer.stderr


def test_a_password_is_typed_twice_at_the_terminal_without_showing(environment, staff):
    lines = [PASSWORD, "autre chose du tout", PASSWORD, PASSWORD]
    code, shown = typed(environment, *somebody("pty@example.org"), lines=lines)
    assert code == 0, shown
    assert "do not match" in shown
    assert "pty@example.org: technician" in shown
    assert not any(line in shown for line in lines)
    assert "pty@example.org" in staff("list").stdout


def typed(environment: dict[str, str], *arguments: str, lines: list[str]) -> tuple[int, str]:
    """Run the command in a terminal of its own, where somebody answers each prompt."""
    terminal, its_end = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "identity", "staff", *arguments],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env=environment,
        start_new_session=True,
    )
    os.close(its_end)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says so when the command has ended
        for line in lines:
            prompt = b""
            while not prompt.endswith(b": "):
                prompt += os.read(terminal, 1000)
            shown += prompt
            os.write(terminal, f"{line}\n".encode())
        while more := os.read(terminal, 1000):
            shown += more
    os.close(terminal)
    return command.wait(30), shown.decode()
