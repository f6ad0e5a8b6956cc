"""Migrations stand in one line: of two with one number Alembic would leave one out, with a warning."""

import re
from pathlib import Path

import pytest

from contracts.topology import CONTEXTS

SERVICES = Path(__file__).parents[2] / "services"


@pytest.mark.parametrize("service", CONTEXTS)
def test_each_migration_follows_the_one_before(service):
    folder = SERVICES / service / "src" / service / "migrations" / "versions"
    before = None
    for number, file in enumerate(sorted(folder.glob("[0-9]*.py")), start=1):
        revision = f"{number:04}"
        assert file.name.startswith(f"{revision}_")
        fields = dict(
            re.findall(r"^(revision|down_revision) = (.+)$", file.read_text(), re.MULTILINE)
        )
        assert fields == {
            "revision": f'"{revision}"',
            "down_revision": repr(before).replace("'", '"'),
        }
        before = revision
    assert before is not None
