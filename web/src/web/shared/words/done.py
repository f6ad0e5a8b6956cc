"""What a form did, in a sentence that the next page shows once."""

from collections.abc import Mapping
from typing import Any

from contracts.identity.api import INVITATION_HOURS
from web.shared.text.typography import typeset
from web.shared.words.sentences import Known

DONE = {
    "session_expired": "Votre session a expiré. Reconnectez-vous.",
    "signed_out": "Vous êtes déconnecté.",
    "somebody_elses": "Rien n’est envoyé : ce formulaire n’était pas le vôtre.",
    "carried_over": "Votre texte vous a suivi dans cette demande : relisez, puis envoyez.",
    "draft_forgotten": "Brouillon effacé.",
    "ticket_opened": "Demande n° {number} envoyée. Un technicien vous répond ici{by_mail}.",
    "reply_sent": "Réponse envoyée.",
    "reply_sent_to": "Réponse envoyée à {name}.",
    "note_added": "Note interne ajoutée.",
    "prioritised": "Priorité changée.",
    "time_corrected": "Temps passé corrigé.",
    "quick_reply_added": "Réponse type ajoutée.",
    "quick_reply_changed": "Réponse type enregistrée.",
    "quick_reply_removed": "Réponse type supprimée.",
    "precision_sent": "Précision envoyée.",
    "resolved": "Demande n° {number} résolue.",
    "password_changed": "Mot de passe changé. Vos autres sessions sont fermées.",
    "password_chosen": "Mot de passe enregistré. Connectez-vous avec lui.",
    "password_chosen_here": "Mot de passe enregistré. Votre session est ouverte ; les autres sont "
    "fermées.",
    "first_password_chosen": "Bienvenue ! Mot de passe enregistré, votre session est ouverte.",
    "email_link_sent": "Un lien de confirmation est envoyé à votre nouvelle adresse.",
    "email_given_up": "Votre adresse e-mail reste la même.",
    "email_confirmed": "Adresse e-mail confirmée. Connectez-vous désormais avec elle.",
    "notifications_changed": "Notifications enregistrées.",
    "staff_invited": f"Invitation envoyée : le lien est valable {INVITATION_HOURS} heures.",
    "staff_added": "Compte ajouté.",
    "staff_changed": "Compte modifié.",
    "link_sent_again": f"Lien envoyé : il est valable {INVITATION_HOURS} heures.",
    "mail_sent_again": "E-mail remis dans la file : il part dans un instant.",
    "email_changed": "Adresse e-mail changée. Connectez-vous désormais avec elle.",
    "sale_recorded": "Vente enregistrée. {first_name} {may_ask}.",
    "sale_cancelled": "Vente annulée.",
    "customer_changed": "Modifications enregistrées.",
    "customer_link_sent": f"Un lien a été envoyé à {{email}} : valable {INVITATION_HOURS} heures.",
    "customer_password_changed": "Mot de passe enregistré. Les sessions de {first_name} sont fermées.",
    "letters_on": "Raccourcis d’une lettre activés dans ce navigateur.",
    "letters_off": "Raccourcis d’une lettre désactivés.",
    "session_closed": "Session fermée.",
    "sessions_closed": "Vos autres sessions sont fermées.",
}


def done(name: str, facts: Mapping[str, Any]) -> str:
    """The sentence for what a form did; empty for an unknown name."""
    sentence = DONE.get(name)
    return typeset(sentence.format_map(Known(facts))) if sentence else ""


def may_ask(*, has_password: bool) -> str:
    """What somebody may do about what they just bought."""
    if has_password:
        return "peut déjà demander de l’aide pour cet appareil depuis son espace"
    return "pourra demander de l’aide pour cet appareil une fois son mot de passe choisi"
