"""Sentences in the reader's language, by gettext.

The source language is French: a sentence in the code is its own key. Each other language is a file
`translations/<tag>.po` of the package whose sentences they are. The language that a page or a mail
is written in is a context variable.
"""

import gettext
import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from chassis.text.typography import typeset

SOURCE = "fr"
TYPOGRAPHY = {"fr": typeset}  # languages whose punctuation needs spaces that do not break
RANGE = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?(?:\s*;\s*q=([01](?:\.[0-9]{1,3})?))?")

language: ContextVar[str] = ContextVar("language", default=SOURCE)


@contextmanager
def in_language(tag: str) -> Generator[None]:
    before = language.set(tag)
    try:
        yield
    finally:
        language.reset(before)


def mark(message: str) -> str:
    """A sentence that is translated where it is used: `./guichet words` finds it by this name."""
    return message


def mark_plural(one: str, many: str) -> tuple[str, str]:
    """The same for a sentence that a number decides."""
    return one, many


def preferred(accept_language: str, available: tuple[str, ...]) -> str | None:
    """The first of a browser's languages (RFC 9110, Accept-Language) that there is a file for."""
    ranges = [RANGE.fullmatch(each.strip()) for each in accept_language.split(",")]
    wanted = [(float(each[2] or 1), each[1].lower()) for each in ranges if each]
    wanted.sort(key=lambda each: -each[0])  # those of the same weight in their order
    return next((tag for weight, tag in wanted if weight and tag in available), None)


class French(gettext.NullTranslations):
    """The source language: nothing is one, « 0 demande »."""

    def plural(self, n: int) -> int:
        return int(abs(n) > 1)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return msgid2 if self.plural(n) else msgid1

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:  # noqa: ARG002
        return self.ngettext(msgid1, msgid2, n)


class Catalogue:
    """The sentences of one language with its typography; each is looked up once."""

    def __init__(self, tag: str, file: Path | None = None) -> None:
        self.tag = tag
        self.file = file
        self.known: dict[tuple[Any, ...], Text] = {}

    @cached_property
    def translations(self) -> Any:
        """Read when a sentence is first needed in this language."""
        if self.file is None:
            return French()
        compiled = BytesIO()
        with self.file.open("rb") as source:
            write_mo(compiled, read_po(source, locale=self.tag))
        compiled.seek(0)
        translations = gettext.GNUTranslations(compiled)
        translations.add_fallback(French())
        return translations

    def get(self, context: str, one: str, many: str = "", count: int = 1) -> "Text":
        """The sentence with its placeholders."""
        key = (context, one, self.translations.plural(count)) if many else (context, one)
        return self.known.get(key) or self.find(key, many, count)

    def find(self, key: tuple[Any, ...], many: str, count: int) -> "Text":
        context, one = key[:2]
        if many:
            text = (
                self.translations.npgettext(context, one, many, count)
                if context
                else self.translations.ngettext(one, many, count)
            )
        else:
            text = (
                self.translations.pgettext(context, one)
                if context
                else self.translations.gettext(one)
            )
        self.known[key] = Text.of(TYPOGRAPHY.get(self.tag, str)(text))
        return self.known[key]


@dataclass(frozen=True)
class Text:
    """A sentence, plain and for a template: ours is markup, what takes its places is not."""

    plain: str
    markup: Markup

    @classmethod
    def of(cls, text: str) -> "Text":
        return cls(text, Markup(text))  # noqa: S704 - our own text

    def filled(self, values: dict[str, Any]) -> Markup:
        safe = {
            name: value if type(value) in SAFE else escape(value) for name, value in values.items()
        }
        return Markup(self.plain % safe)  # noqa: S704 - escaped just now


SAFE = {int, Markup}


class Translations:
    """The sentences of one package, in every language that it has a file for.

    Values take the places of `%(name)s`, so a percent sign of a sentence with values is written
    twice. In a template (`Markup`) values are escaped, in the rest they are not.
    """

    def __init__(self, folder: Path) -> None:
        files = {each.stem: each for each in sorted(folder.glob("*.po"))}
        self.catalogues = {SOURCE: Catalogue(SOURCE)} | {
            tag: Catalogue(tag, file) for tag, file in files.items()
        }

    @property
    def languages(self) -> tuple[str, ...]:
        """The source first."""
        return tuple(self.catalogues)

    @property
    def current(self) -> Catalogue:
        return self.catalogues.get(language.get()) or self.catalogues[SOURCE]

    def gettext(self, message: str, /, **values: Any) -> str:
        text = self.current.get("", message).plain
        return text % values if values else text

    def ngettext(self, one: str, many: str, n: int, /, **values: Any) -> str:
        """`%(num)s` is the count, unless `num` is given."""
        return self.current.get("", one, many, n).plain % {"num": n, **values}

    def pgettext(self, context: str, message: str, /, **values: Any) -> str:
        """The same French has several translations: `context` distinguishes them."""
        text = self.current.get(context, message).plain
        return text % values if values else text

    def npgettext(self, context: str, one: str, many: str, n: int, /, **values: Any) -> str:
        return self.current.get(context, one, many, n).plain % {"num": n, **values}

    # The same for templates, where they are called `gettext` (or `_`), `ngettext`, …

    def markup(self, message: str, /, **values: Any) -> Markup:
        text = self.current.get("", message)
        return text.filled(values) if values else text.markup

    def nmarkup(self, one: str, many: str, n: int, /, **values: Any) -> Markup:
        return self.current.get("", one, many, n).filled({"num": n, **values})

    def pmarkup(self, context: str, message: str, /, **values: Any) -> Markup:
        text = self.current.get(context, message)
        return text.filled(values) if values else text.markup

    def npmarkup(self, context: str, one: str, many: str, n: int, /, **values: Any) -> Markup:
        return self.current.get(context, one, many, n).filled({"num": n, **values})

    def globals(self) -> dict[str, Any]:
        """The functions for Jinja's i18n extension; `_` is its short name outside blocks."""
        return {
            "_": self.markup,
            "gettext": self.markup,
            "ngettext": self.nmarkup,
            "pgettext": self.pmarkup,
            "npgettext": self.npmarkup,
        }
