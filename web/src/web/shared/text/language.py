"""The sentences of web: `_` and the like, in the language of the current request."""

from functools import lru_cache
from pathlib import Path

from babel import Locale

from chassis.text.translations import Translations, language, mark

translations = Translations(Path(__file__).parents[2] / "translations")

_ = translations.gettext
ngettext = translations.ngettext
pgettext = translations.pgettext
npgettext = translations.npgettext
N_ = mark

# Each in itself, as Babel has it: « Français », “English”.
NAMES = {
    tag: (Locale.parse(tag, sep="-").get_display_name() or tag).capitalize()
    for tag in translations.languages
}


@lru_cache
def direction_of(tag: str) -> str:
    return "rtl" if Locale.parse(tag, sep="-").text_direction == "rtl" else "ltr"


def direction() -> str:
    """Of the text of a page: `ltr` or `rtl`."""
    return direction_of(language.get())


def speak(tag: str | None) -> None:
    """The rest of this request in the language that its person has chosen, if there is one."""
    if tag in translations.catalogues:
        language.set(tag)
