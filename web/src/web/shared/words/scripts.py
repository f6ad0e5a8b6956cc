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
    "connection_lost": N_("La connexion est coupée. Cette page se mettra à jour dès son retour."),
    "too_many_browsers": N_(
        "Guichet est ouvert dans trop de navigateurs à la fois : cette page ne se met plus à jour "
        "d’elle-même."
    ),
    "cut_retry": N_("La connexion est coupée. Réessayez."),
    "closed_retry": N_("Le guichet est momentanément fermé. Réessayez dans un instant."),
    "closed_text_kept": N_("Le guichet est momentanément fermé ; votre texte est conservé."),
    "search_too_long": N_("Ce texte est trop long pour une recherche."),
    "cut_entry_kept": N_("La connexion est coupée ; votre saisie est conservée. Réessayez."),
    "closed_entry_kept": N_("Le guichet est momentanément fermé. Votre saisie est conservée."),
    "signed_out_entry_kept": N_(
        "Votre session a expiré. Reconnectez-vous : votre saisie est conservée."
    ),
    "not_possible_entry_kept": N_("Cette action n’est pas possible. Votre saisie est conservée."),
    "sign_in_again": N_("Se reconnecter"),
    "draft_in_tab": N_("Brouillon gardé dans cet onglet seulement"),
    "draft_saved": N_("Brouillon enregistré"),
    "time_of_shop": N_("Heure de %(place)s. Chez vous : %(yours)s"),
    # Single letters of the desk.
    "shortcuts": N_("Raccourcis d’une lettre"),
    "next_request": N_("demande suivante"),
    "previous_request": N_("demande précédente"),
    "reply": N_("répondre"),
    "internal_note": N_("note interne"),
    "resolve": N_("résoudre"),
    "search": N_("rechercher"),
    "this_list": N_("cette liste"),
    "close": N_("Fermer"),
    # The counter.
    "password_rule": N_("%(shortest)s caractères au minimum"),
    "password_long_enough": N_("%(characters)s : c’est bon (%(shortest)s au minimum)"),
    "passwords_differ": N_("Les deux mots de passe sont différents."),
    "catching_up": N_("Reprise de la vente commencée…"),
    "sale_ready": N_("Tout est prêt. Ctrl Entrée pour enregistrer."),
    "sale_ready_by_touch": N_("Tout est prêt."),
    "confirm_withdrawn": N_("Confirmez la vente du produit retiré."),
    "correct_serial_number": N_("Le n° de série est à corriger."),
    "incomplete_serial_number": N_("Le n° de série est incomplet."),
    "confirm_serial_number": N_("Le n° de série est à confirmer."),
    "choose_customer": N_("Choisissez le client, ou Échap."),
    "choose_product": N_("Choisissez le produit, ou Échap."),
    "reading_date": N_("Lecture de la date…"),
    "confirm_date": N_("Confirmez la date de vente."),
    "correct_date": N_("La date de vente est à corriger."),
    "serial_number": N_("n° %(number)s"),
    "missing": N_("Il manque %(what)s."),
    "missing_customer": N_("le client"),
    "missing_password": N_("le mot de passe"),
    "missing_product": N_("le produit"),
    "missing_serial_number": N_("le n° de série"),
    "missing_sold_on": N_("la date de vente"),
    "entry_saved": N_("Saisie conservée"),
    "entry_in_tab": N_("Saisie gardée dans cet onglet seulement, pour l’instant"),
    "entry_cleared": N_("Saisie vidée."),
    "entry_set_aside": N_("Une saisie de cet onglet est mise de côté."),
    # The desk and a customer's pages.
    "show": N_("Afficher"),
    "just_resolved": N_("%(name)s vient de résoudre cette demande."),
    "just_noted": N_("%(name)s vient d’ajouter une note à cette demande."),
    "just_replied": N_("%(name)s vient de répondre à cette demande."),
    "serial_number_copied": N_("Numéro de série copié"),
    "left_the_queue": N_("Sortie de cette file"),
    "show_changed_list": N_("Votre liste a changé : afficher"),
    "show_reply_of": N_("%(name)s vient de répondre : afficher"),
    # Files.
    "too_many_files": N_("%(most)s fichiers au plus par message."),
    "file_empty": N_("Ce fichier est vide."),
    "file_too_large": N_("Ce fichier est trop lourd : %(most)s Mo au plus."),
    "file_checked": N_("Vérification…"),
    "file_refused": N_("Un fichier n’est pas accepté."),
    "file_there": N_("%(name)s est joint."),
    "file_removed": N_("Fichier retiré."),
    "remove_file": N_("Retirer %(name)s"),
    "upload_waits": N_("En attente de la connexion…"),
    "files_first": N_("Les fichiers finissent d’arriver, puis le message part."),
    "picture_of": N_("%(name)s, image %(number)s sur %(count)s"),
    "picture_gone": N_("Cette image ne peut pas être affichée. Rechargez la page."),
    "picture_previous": N_("Image précédente"),
    "picture_next": N_("Image suivante"),
    "picture_turn": N_("Tourner"),
    "zoom_in": N_("Agrandir"),
    "zoom_out": N_("Réduire"),
    "original": N_("Original"),
    "show_password": N_("Afficher le mot de passe"),
    "hide_password": N_("Masquer le mot de passe"),
    "characters_left": N_("%(characters)s, encore %(left)s au moins"),
}

COUNTED = {
    "show_new_replies": mark_plural(
        "%(num)s nouvelle réponse : afficher", "%(num)s nouvelles réponses : afficher"
    ),
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
