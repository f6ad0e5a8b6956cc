"""Write docs/accessibility.md: how each criterion of RGAA stands, from the table of web."""

from importlib import import_module
from typing import Any

from chassis.text.translations import in_language
from local.launcher.settings import ROOT

# Every context is only loaded here, as for docs/settings.md: none is imported.
criteria = import_module("web.shared.accessibility.criteria")
translations = import_module("web.shared.text.language").translations
MET, OPEN, WITHOUT = criteria.MET, criteria.OPEN, criteria.WITHOUT

PAGE = ROOT / "docs/accessibility.md"

HEAD = """# Accessibility

Generated from `web/src/web/shared/accessibility/criteria.toml` by `./guichet accessibility`; a test fails
when this page is behind. The product's page « Accessibilité » (`/accessibilite`) shows the same.

How Guichet stands with the 106 criteria of [RGAA 4.1.2](https://accessibilite.numerique.gouv.fr/methode/criteres-et-tests/),
which RGAA takes from WCAG 2.1 A and AA: {met} met, {without} not applicable, {open} open, which is
{percent} % of those that apply. A criterion is met by automated tests (named) or because somebody
looked ({day}); `./guichet test accessibility` runs the tests of whole pages. Nobody from outside has
audited it, and no screen reader was used by a person who depends on one.
"""


def write() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    found = criteria.audit()
    head = HEAD.format(
        met=found.counts[MET],
        without=found.counts[WITHOUT],
        open=found.counts[OPEN],
        percent=found.percent,
        day=found.looked_on,
    )
    lines = [head]
    with in_language("en"):
        for theme in found.themes:
            lines += [
                f"## {theme.number}. {translations.gettext(theme.name)}\n",
                "| criterion | what it asks | state | shown by |\n| --- | --- | --- | --- |",
                *(row(each) for each in theme.criteria),
                "",
            ]
    return "\n".join(lines)


def row(criterion: Any) -> str:
    state = f"{OPEN} until {criterion.until}" if criterion.until else criterion.state
    why = translations.gettext(criterion.why) if criterion.until else criterion.why
    shown = ", ".join(f"`{test}`" for test in criterion.tests)
    if criterion.state == MET and not shown:
        shown = f"looked at on {criteria.audit().looked_on}: {why}"
    wording = translations.gettext(criterion.wording)
    return f"| {criterion.number} | {wording} | {state} | {shown or why} |"
