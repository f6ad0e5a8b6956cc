"""What a form did, in a sentence that the next page shows once."""

from collections.abc import Mapping
from typing import Any

from contracts.identity.api import INVITATION_HOURS
from web.shared.text.language import N_, _

DONE = {
    "session_expired": N_("Votre session a expiré. Reconnectez-vous."),
    "signed_out": N_("Vous êtes déconnecté."),
    "somebody_elses": N_("Rien n’est envoyé : ce formulaire n’était pas le vôtre."),
    "carried_over": N_("Votre texte vous a suivi dans cette demande : relisez, puis envoyez."),
    "draft_forgotten": N_("Brouillon effacé."),
    "ticket_opened": N_("Demande n° %(number)s envoyée. Un technicien vous répond ici."),
    "ticket_opened, by mail": N_(
        "Demande n° %(number)s envoyée. Un technicien vous répond ici et par e-mail."
    ),
    "reply_sent": N_("Réponse envoyée."),
    "reply_sent_to": N_("Réponse envoyée à %(name)s."),
    "note_added": N_("Note interne ajoutée."),
    "prioritised": N_("Priorité changée."),
    "time_corrected": N_("Temps passé corrigé."),
    "quick_reply_added": N_("Réponse type ajoutée."),
    "quick_reply_changed": N_("Réponse type enregistrée."),
    "quick_reply_removed": N_("Réponse type supprimée."),
    "precision_sent": N_("Précision envoyée."),
    "resolved": N_("Demande n° %(number)s résolue."),
    "password_changed": N_("Mot de passe changé. Vos autres sessions sont fermées."),
    "password_chosen": N_("Mot de passe enregistré. Connectez-vous avec lui."),
    "password_chosen_here": N_(
        "Mot de passe enregistré. Votre session est ouverte ; les autres sont fermées."
    ),
    "first_password_chosen": N_("Bienvenue ! Mot de passe enregistré, votre session est ouverte."),
    "email_link_sent": N_("Un lien de confirmation est envoyé à votre nouvelle adresse."),
    "email_given_up": N_("Votre adresse e-mail reste la même."),
    "email_confirmed": N_("Adresse e-mail confirmée. Connectez-vous désormais avec elle."),
    "language_changed": N_("Langue enregistrée."),
    "notifications_changed": N_("Notifications enregistrées."),
    "staff_invited": N_("Invitation envoyée : le lien est valable %(hours)s heures."),
    "staff_added": N_("Compte ajouté."),
    "staff_changed": N_("Compte modifié."),
    "link_sent_again": N_("Lien envoyé : il est valable %(hours)s heures."),
    "mail_sent_again": N_("E-mail remis dans la file : il part dans un instant."),
    "email_changed": N_("Adresse e-mail changée. Connectez-vous désormais avec elle."),
    "sale_recorded": N_(
        "Vente enregistrée. %(first_name)s peut déjà demander de l’aide pour cet appareil depuis son "
        "espace."
    ),
    "sale_recorded, no password": N_(
        "Vente enregistrée. %(first_name)s pourra demander de l’aide pour cet appareil une fois son "
        "mot de passe choisi."
    ),
    "sale_cancelled": N_("Vente annulée."),
    "customer_changed": N_("Modifications enregistrées."),
    "customer_link_sent": N_("Un lien a été envoyé à %(email)s : valable %(hours)s heures."),
    "customer_password_changed": N_(
        "Mot de passe enregistré. Les sessions de %(first_name)s sont fermées."
    ),
    "letters_on": N_("Raccourcis d’une lettre activés dans ce navigateur."),
    "letters_off": N_("Raccourcis d’une lettre désactivés."),
    "session_closed": N_("Session fermée."),
    "sessions_closed": N_("Vos autres sessions sont fermées."),
}


def done(name: str, facts: Mapping[str, Any], *circumstances: str) -> str:
    """The sentence for what a form did; empty for an unknown name, or where its facts are missing.

    One of the `circumstances` may change it: `by mail`, `no password`.
    """
    names = (f"{name}, {each}" for each in circumstances)
    sentence = next((DONE[each] for each in names if each in DONE), DONE.get(name))
    try:
        return _(sentence, hours=INVITATION_HOURS, **facts) if sentence else ""
    except KeyError:  # of another page than the one that the form leads to
        return ""
