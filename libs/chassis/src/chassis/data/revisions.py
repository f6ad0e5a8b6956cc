"""Compares a database's migration with the code's, without importing Alembic."""

import functools
import re
from importlib.resources import files

REVISION = re.compile(r"^revision\b[^=]*=\s*[\"'](\w+)[\"']", re.MULTILINE)
REVISES = re.compile(r"^down_revision\b[^=]*=\s*(?:[\"'](\w+)[\"']|None)", re.MULTILINE)

# With its schema: of one that the role may not use, PostgreSQL says else that there is no such table.
CURRENT = "SELECT version_num FROM public.alembic_version"


@functools.cache
def known(package: str) -> tuple[str, ...]:
    """The revisions that this code knows, the one that it needs first; read once a process."""
    following: dict[str, str] = {}
    for file in (files(f"{package}.migrations") / "versions").iterdir():
        code = file.read_text(encoding="utf-8") if file.name.endswith(".py") else ""
        if found := REVISION.search(code):
            before = REVISES.search(code)
            following[(before and before[1]) or ""] = found[1]
    chain = [following[""]]
    while (last := following.get(chain[-1])) is not None:
        chain.append(last)
    return tuple(reversed(chain))


def difference(package: str, found: str | None) -> str | None:
    """The problem of a database at this revision, and the remedy; None if there is none."""
    needed = known(package)[0]
    if found == needed:
        return None
    if found is None or found in known(package):
        return (
            f"schema at {found or 'nothing'}, this code needs {needed}:"
            f" run `python -m {package} migrate`"
        )
    return (
        f"schema at {found}, which is newer than this code, of {needed}: run the version that made"
        " it, or restore a backup from before"
    )
