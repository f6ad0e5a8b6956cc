"""Sentences in the reader's language: what is looked up, and what a browser prefers."""

import pytest

from chassis.text.translations import Translations, in_language, preferred

ENGLISH = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "Bonjour %(name)s !"
msgstr "Hello %(name)s!"

msgid "%(num)s demande"
msgid_plural "%(num)s demandes"
msgstr[0] "%(num)s request"
msgstr[1] "%(num)s requests"

msgctxt "a request"
msgid "Ouverte"
msgstr "Open"
"""


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translations")
    (folder / "en.po").write_text(ENGLISH, encoding="utf-8")
    return Translations(folder)


def test_the_source_language_has_its_typography_and_its_plural(sentences):
    assert sentences.languages == ("fr", "en")
    assert sentences.gettext("Bonjour %(name)s !", name="Awa") == "Bonjour Awa\u00a0!"
    said = [sentences.ngettext("%(num)s demande", "%(num)s demandes", n) for n in (0, 1, 2)]
    assert said == ["0 demande", "1 demande", "2 demandes"]
    assert sentences.pgettext("a request", "Ouverte") == "Ouverte"


def test_another_language_has_its_own(sentences):
    with in_language("en"):
        assert sentences.gettext("Bonjour %(name)s !", name="Awa") == "Hello Awa!"
        said = [sentences.ngettext("%(num)s demande", "%(num)s demandes", n) for n in (0, 1, 2)]
        assert said == ["0 requests", "1 request", "2 requests"]
        assert sentences.pgettext("a request", "Ouverte") == "Open"
        assert sentences.gettext("Ouverte") == "Ouverte"  # not without its context
    assert sentences.gettext("Bonjour %(name)s !", name="Awa") == "Bonjour Awa\u00a0!"


def test_a_language_that_there_is_no_file_for_is_the_source(sentences):
    with in_language("xx"):
        assert sentences.gettext("Réponse : oui") == "Réponse\u00a0: oui"


def test_values_are_escaped_in_templates_alone(sentences):
    with in_language("en"):
        assert sentences.markup("Bonjour %(name)s !", name="<b>") == "Hello &lt;b&gt;!"
        assert sentences.gettext("Bonjour %(name)s !", name="<b>") == "Hello <b>!"


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("de, en;q=0.5", "en"),
        ("en;q=0, fr;q=0.1", "fr"),
        ("en;q=0.1, fr", "fr"),
        ("EN", "en"),
        ("*", None),
        ("", None),
        ("en;q=2", None),
        ("en;level=1;q=x,", None),
        ("de-DE", None),
    ],
)
def test_the_first_language_of_a_browser_that_there_is(header, tag):
    assert preferred(header, ("fr", "en")) == tag
