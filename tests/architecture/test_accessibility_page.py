"""docs/accessibility.md tells how each criterion of RGAA 4.1.2 stands, and by what that is known."""

import ast
from pathlib import Path

from local.launcher.settings import ROOT
from local.workshop.generated import accessibility_page
from web.shared.accessibility.criteria import audit

CRITERIA = (9, 2, 3, 13, 8, 2, 5, 10, 4, 14, 13, 11, 12)  # of each theme: 106


def test_the_page_is_up_to_date():
    assert accessibility_page.PAGE.read_text(encoding="utf-8") == accessibility_page.page(), (
        "run `./guichet accessibility`"
    )


def test_every_criterion_is_there_once():
    numbers = [each.number for each in audit().criteria]
    assert numbers == [
        f"{theme}.{number}"
        for theme, count in enumerate(CRITERIA, 1)
        for number in range(1, count + 1)
    ]
    assert len(numbers) == 106


def test_every_test_that_is_named_exists_and_shows_something():
    named = {test for each in audit().criteria for test in each.tests}
    assert named == set(audit().tests.values())
    for test in named:
        path, _, name = test.partition("::")
        assert name in functions_of(ROOT / path), test


def functions_of(file: Path) -> set[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {each.name for each in ast.parse(file.read_text()).body if isinstance(each, kinds)}
