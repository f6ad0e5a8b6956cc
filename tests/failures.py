"""What a test that failed leaves for whoever looks into it, and where."""

import re
import shutil
from collections import deque
from pathlib import Path

import pytest
from playwright.async_api import Error, Page

from local.launcher.settings import ROOT

FOLDER = ROOT / ".guichet" / "failures"
LINES = 2000  # of each part's log

LOGS = pytest.StashKey[Path]()  # where the parts of the Guichet under test write
FAILED = pytest.StashKey[bool]()


def folder_of(item: pytest.Item) -> Path:
    """One for each test; what it left the last time goes when it runs again."""
    return FOLDER / re.sub(r"[^\w.-]+", "-", f"{item.path.stem}-{item.name}").strip("-")[:120]


def note(item: pytest.Item, report: pytest.TestReport) -> None:
    """Called with each report: a failure's gets a section that says where the rest is."""
    folder = folder_of(item)
    if report.when == "setup":
        shutil.rmtree(folder, ignore_errors=True)
    if not report.failed:
        return
    item.stash[FAILED] = True
    folder.mkdir(parents=True, exist_ok=True)
    copy_logs(item.config.stash.get(LOGS, None), folder)
    (folder / f"{report.when}.txt").write_text(report.longreprtext, encoding="utf-8")
    left = ["logs of all parts"] if item.config.stash.get(LOGS, None) else []
    if "windows" in getattr(item, "funcargs", {}):  # else it did not come so far
        left.insert(0, "screenshot, page and console of each window")
    report.sections.append((", ".join(["left", *left]), str(folder)))


def copy_logs(logs: Path | None, folder: Path) -> None:
    for log in logs.glob("*.log") if logs else ():
        with log.open(encoding="utf-8", errors="replace") as lines:
            (folder / log.name).write_text("".join(deque(lines, LINES)), encoding="utf-8")


async def show(page: Page, folder: Path, name: str) -> None:
    """How the window looks now; one that is closed or hangs has nothing to show."""
    try:
        await page.screenshot(path=folder / f"{name}.png", full_page=True, timeout=5000)
        (folder / f"{name}.html").write_text(
            f"<!-- {page.url} -->\n{await page.content()}", encoding="utf-8"
        )
    except Error as trouble:
        (folder / f"{name}.txt").write_text(str(trouble), encoding="utf-8")
