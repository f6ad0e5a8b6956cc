"""Reads from git the main branch of this checkout and what differs from it."""

import shutil
import subprocess
from dataclasses import dataclass

from local.launcher.settings import ROOT

MAIN = ("origin/HEAD", "origin/main", "main", "origin/master", "master")


@dataclass(frozen=True)
class Base:
    name: str
    commit: str


def git(*words: str) -> str | None:
    """The output of git; None if it fails, is missing or finds no repository."""
    if not shutil.which("git"):
        return None
    done = subprocess.run(
        ["git", "-C", str(ROOT), *words],  # noqa: S607 - whichever git the person uses
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else None


def base() -> Base:
    """The newest commit that this work shares with the main branch.

    Of several main branches, the one whose shared commit is newest: a local `main` may be ahead of
    its origin, or behind it.
    """
    found = {name: commit.strip() for name in MAIN if (commit := git("merge-base", "HEAD", name))}
    for name, commit in found.items():
        others = set(found.values()) - {commit}
        if all(git("merge-base", "--is-ancestor", other, commit) is not None for other in others):
            return Base(name, commit)
    return Base("the last commit", "HEAD")


def changed_since(commit: str) -> list[str]:
    """Files below the root that were changed, added or removed, committed or not."""
    tracked = git("diff", "--name-only", "--no-renames", "-z", commit) or ""
    new = git("ls-files", "--others", "--exclude-standard", "-z") or ""
    return sorted({*filter(None, tracked.split("\0")), *filter(None, new.split("\0"))})


def files_at(commit: str, folder: str) -> set[str] | None:
    """The files of that commit below this folder, by their paths below the root.

    None if git is missing or fails.
    """
    listed = git("ls-tree", "-r", "-z", "--name-only", commit, "--", folder)
    return None if listed is None else set(filter(None, listed.split("\0")))
