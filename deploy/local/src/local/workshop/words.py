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
from jinja2 import Environment, nodes

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


MARKS = {"_", "gettext", "ngettext", "pgettext", "npgettext"}
SKIPPED = re.compile(
    r"\{#.*?#\}|\{%-?\s*trans\b.*?\{%-?\s*endtrans.*?%\}|\{%.*?%\}|\{\{.*?\}\}|<!doctype[^>]*>",
    re.DOTALL,
)
TAG = re.compile(r"<[^<>]*>")
READ_ALOUD = re.compile(r"\b(?:aria-label|placeholder|title|alt)=\"([^\"]*)\"")
WORD = re.compile(r"[^\W\d_]{2,}")
FRENCH = re.compile(r"[À-ÿŒœ’«»]|^[A-Z][a-z]+(?: [a-z]|$)")
NO_SENTENCES = {"Guichet", "nbsp", "amp"}  # a name, and how characters are written


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


def unmarked() -> Iterator[str]:
    """What pages would show in French whatever the language, a line each."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for package in dict.fromkeys(package for package, _ in files()):
        for template_file in sorted(package.rglob("templates/**/*.html")):
            source = template_file.read_text(encoding="utf-8")
            for text in (*texts_of(source), *constants_of(environment.parse(source))):
                yield f"{template_file.relative_to(ROOT)}: not marked for translation: {text!r}"


def texts_of(source: str) -> Iterator[str]:
    """Words between tags and in the attributes that are read aloud, outside of Jinja."""
    plain = SKIPPED.sub("", source)
    for text in (*TAG.split(plain), *READ_ALOUD.findall(plain)):
        is_code = (
            "=" in text or "--" in text
        )  # of a macro that makes attributes, a block of classes
        if not is_code and set(WORD.findall(text)) - NO_SENTENCES:
            yield " ".join(text.split())


def constants_of(template: nodes.Template) -> Iterator[str]:
    """Sentences in expressions that no function translates."""
    marked = {
        id(constant)
        for call in template.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in MARKS
        for constant in call.find_all(nodes.Const)
    }
    for constant in template.find_all(nodes.Const):
        text = constant.value
        if isinstance(text, str) and id(constant) not in marked and FRENCH.search(text):
            yield text


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
    broken = [*complaints(), *unmarked()]
    sys.stdout.write("".join(f"{line}\n" for line in broken))
    raise SystemExit(1 if broken else 0)
