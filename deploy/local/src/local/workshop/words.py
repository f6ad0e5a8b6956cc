"""Extract the sentences of the packages, and update and check their translations."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from local.launcher.settings import ROOT
from local.workshop.parts import SOURCES

KEYWORDS = {
    "_": None,
    "N_": None,
    "mark": None,
    "mark_plural": (1, 2),
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
SENTENCE = re.compile(r'\b(?:fr|open) = "([^"]+)"')  # of a table


def of_table(file: IO[bytes], *_: Any, **__: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """The French of web's criteria.toml."""
    for number, line in enumerate(file, 1):
        for sentence in [] if line.startswith(b"#") else SENTENCE.findall(line.decode()):
            yield number, "_", sentence, []


METHODS: list[tuple[str, Any]] = [
    ("**.py", "python"),
    ("**/templates/**", "jinja2.ext:babel_extract"),
    ("**/criteria.toml", of_table),
]
OPTIONS = {
    "**/templates/**": {
        "extensions": "jinja2.ext.i18n",
        "newstyle_gettext": "true",
        "trimmed": "true",
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "silent": "false",
    }
}
NOTE = "Note:"  # begins a comment that translators see
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)  # a date that changes would be a conflict each time


def files() -> Iterator[tuple[Path, Path]]:
    """Each package that has translations, and each of its files."""
    for folder in SOURCES.values():
        for file in sorted((ROOT / folder).glob("translations/*.po")):
            yield ROOT / folder, file


def template(package: Path) -> Catalog:
    """All sentences of a package, without translations."""
    catalog = Catalog(charset="utf-8")
    found = extract_from_dir(
        package, METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=[NOTE], strip_comment_tags=True
    )
    for name, _line, message, comments, context in found:  # line numbers would change all the time
        catalog.add(message, None, [(name, 0)], auto_comments=comments, context=context)
    return catalog


def read(file: Path) -> Catalog:
    with file.open("rb") as source:
        return read_po(source, locale=file.stem)


def update() -> list[Path]:
    """Add what is new, without a translation, and remove what is not used any more."""
    updated = []
    for package, file in files():
        catalog = read(file)
        catalog.update(template(package), no_fuzzy_matching=True, update_creation_date=False)
        catalog.obsolete.clear()
        catalog.creation_date = catalog.revision_date = UNDATED
        catalog.project, catalog.version = "Guichet", ""
        catalog.last_translator = catalog.language_team = catalog.msgid_bugs_address = ""
        catalog.header_comment = f"# Guichet: {file.stem}. See CONTRIBUTING.md, Languages."
        with file.open("wb") as target:
            write_po(
                target,
                catalog,
                width=100,
                sort_output=True,
                include_lineno=False,
                omit_header=False,
            )
        updated.append(file)
    return updated


def complaints() -> Iterator[str]:
    """One line for each translation that is missing, unused, fuzzy or has other placeholders."""
    for package, file in files():
        name, used, catalog = file.relative_to(ROOT), template(package), read(file)
        for message in used:
            if message.id:
                translated = catalog.get(message.id, message.context)
                yield from (f"{name}: {why}" for why in faults(message, translated))
        for message in catalog:
            if message.id and used.get(message.id, message.context) is None:
                yield f"{name}: not used: {forms(message.id)[0]!r}: run ./guichet words"


def forms(text: Any) -> list[str]:
    """Babel's singular, or singular and plurals."""
    return [text] if isinstance(text, str) else [*text]


def faults(message: Message, translated: Message | None) -> Iterator[str]:
    ids = forms(message.id)
    if translated is None:
        yield f"missing: {ids[0]!r}: run ./guichet words, then translate it"
        return
    texts = forms(translated.string)
    if not all(texts):
        yield f"not translated: {ids[0]!r}"
        return
    if translated.fuzzy:
        yield f"fuzzy: {ids[0]!r}"
    known = {name for each in ids for name in PLACEHOLDER.findall(each)}
    for text in texts:
        named = set(PLACEHOLDER.findall(text))
        if named - known or (len(ids) == 1 and known - named):
            yield f"other placeholders than {ids[0]!r}: {text!r}"


if __name__ == "__main__":
    broken = list(complaints())
    sys.stdout.write("".join(f"{line}\n" for line in broken))
    raise SystemExit(1 if broken else 0)
