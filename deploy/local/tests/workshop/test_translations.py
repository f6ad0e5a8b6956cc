"""What `./guichet words` finds, and what it complains about."""

import pytest
from babel.messages.catalog import Catalog
from jinja2 import Environment

from local.workshop import words


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Se connecter</p>", ["Se connecter"]),
        ('<input placeholder="Votre nom">', ["Votre nom"]),
        ("<p>{{ _('Se connecter') }}</p>", []),
        ("<p>{% trans name=x %}Bonjour <b>{{ name }}</b>{% endtrans %}</p>", []),
        ("{# Not shown #}<p>{{ name }} · 12 €</p>", []),
        ('<a class="btn btn--primary" href="/demandes">{{ text }}</a>', []),
    ],
)
def test_a_text_of_a_page_that_nobody_marked_is_found(source, found):
    assert list(words.texts_of(source)) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{{ 'Répondre' if x else _('Résoudre') }}", ["Répondre"]),
        ("{{ field(form, 'name', 'Votre nom') }}", ["Votre nom"]),
        ("{{ ngettext('%(num)s demande à suivre', '%(num)s demandes à suivre', n) }}", []),
        ("{{ icon('user-plus', 'icon--s') }}{% if kind == 'reply' %}{% endif %}", []),
    ],
)
def test_a_sentence_in_an_expression_that_nobody_marked_is_found(source, found):
    template = Environment(extensions=["jinja2.ext.i18n"]).parse(source)
    assert list(words.constants_of(template)) == found


def test_all_that_is_marked_is_extracted(tmp_path):
    (tmp_path / "templates").mkdir()
    page = "<h1>{{ _('Titre') }}</h1>{% trans n=n %}{{ n }} fois{% endtrans %}"
    (tmp_path / "templates" / "page.html").write_text(page, encoding="utf-8")
    code = (
        'x = N_("Plus tard")\ny = ngettext("un", "deux", n)\nz = pgettext("of a key", "Ouverte")\n'
    )
    (tmp_path / "code.py").write_text(code, encoding="utf-8")
    found = {(each.context, each.id) for each in words.template(tmp_path) if each.id}
    assert found == {
        (None, "Titre"),
        (None, "%(n)s fois"),
        (None, "Plus tard"),
        (None, ("un", "deux")),
        ("of a key", "Ouverte"),
    }


@pytest.mark.parametrize(
    ("message", "translated", "complaint"),
    [
        ("Bonjour %(name)s", "Hello %(name)s", ""),
        ("Bonjour %(name)s", "", "not translated"),
        ("Bonjour %(name)s", "Hello", "other placeholders"),
        ("Bonjour %(name)s", "Hello %(nom)s", "other placeholders"),
        ("Bonjour", None, "missing"),
        (("%(num)s mot", "%(num)s mots"), ("one word", "%(num)s words"), ""),
        (("%(num)s mot", "%(num)s mots"), ("%(num)s word", ""), "not translated"),
    ],
)
def test_a_translation_that_does_not_fit_is_named(message, translated, complaint):
    catalog = Catalog(locale="en")
    used = catalog.add(message)
    there = None if translated is None else Catalog(locale="en").add(message, translated)
    found = list(words.faults(used, there))
    assert [complaint in each for each in found] == ([True] if complaint else [])


def test_every_package_of_ours_is_complete():
    assert {file.name for _, file in words.files()} == {"en.po"}
    assert [*words.complaints(), *words.unmarked()] == []
