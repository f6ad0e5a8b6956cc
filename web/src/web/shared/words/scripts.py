"""The sentences of scripts, by the names under which scripts say them.

A script never holds one: `say("retry")`, or `count("characters", 3)` where a number decides between
two. Pages load them in their language as `shared/scripts/words.<language>.js`.
"""

import json

from babel import Locale

from chassis.text.translations import in_language, mark_plural
from web.shared.text.language import N_, ngettext, translations
from web.shared.text.language import _ as translated

SENTENCES = {
    "retry": N_("Réessayer"),
    "cut": N_("La connexion est coupée."),
    "session_ended_text_kept": N_(
        "Votre session a expiré. Reconnectez-vous : votre texte est conservé."
    ),
    "cut_text_kept": N_("La connexion est coupée ; votre texte est conservé. Réessayez."),
    "not_sent": N_("Rien n’est envoyé."),
    "not_sent_why": N_("La connexion est coupée ; votre texte est conservé."),
    "list_is_old": N_("La liste n’est pas à jour."),
    "unexpected_answer": N_("Le guichet ne répond pas comme prévu."),
    "show_password": N_("Afficher le mot de passe"),
    "hide_password": N_("Masquer le mot de passe"),
    "characters_left": N_("%(characters)s, encore %(left)s au moins"),
}

COUNTED = {
    "characters": mark_plural("%(num)s caractère", "%(num)s caractères"),
}

SAMPLES = range(201)  # numbers among which every category of CLDR occurs


def forms(tag: str, one: str, many: str) -> dict[str, str]:
    """A counted sentence by the categories that `Intl.PluralRules` tells: one, few, other, …"""
    category = Locale.parse(tag, sep="-").plural_form
    found = {category(n): ngettext(one, many, n, num="%(num)s") for n in SAMPLES}
    return {"other": next(iter(found.values())), **found}


def script(tag: str) -> bytes:
    """A classic script, so that every module finds the sentences when it begins."""
    with in_language(tag):
        sentences = {name: translated(text) for name, text in SENTENCES.items()}
        counted = {name: forms(tag, *texts) for name, texts in COUNTED.items()}
    known = json.dumps({"language": tag, "sentences": sentences | counted}, ensure_ascii=False)
    return f"globalThis.GUICHET = {known};\n".encode()


def scripts() -> dict[str, bytes]:
    return {f"shared/scripts/words.{tag}.js": script(tag) for tag in translations.languages}
