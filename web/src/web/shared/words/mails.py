"""Texts about mails."""

from web.shared.text.typography import typeset

# What a mail that can be ended is about, after « un e-mail ».
MAILS = {
    "reply": "à chaque réponse à vos demandes",
    "resolved": "quand une de vos demandes est résolue",
    "acknowledgement": "quand une de vos demandes est arrivée",
    "new_request": "à chaque nouvelle demande",
    "customer_answer": "à chaque réponse d’un client",
}


def email_question(meant: str) -> str:
    return typeset(f"Vouliez-vous dire {meant} ? Corrigez l’adresse, ou envoyez-la telle quelle.")


# What staff read of a mail that was not delivered, and of one on a message.
ABOUT_MAILS = {
    "reply": "Réponse à une demande",
    "resolved": "Demande résolue",
    "welcome": "Bienvenue",
    "password_changed": "Mot de passe changé",
    "first_password": "Premier mot de passe",
    "email_changed": "Adresse changée",
    "password_link": "Lien de mot de passe",
    "invitation": "Invitation",
    "email_link": "Confirmation d’adresse",
    "email_asked": "Changement d’adresse demandé",
    "email_in_use": "Adresse déjà utilisée",
    "acknowledgement": "Demande arrivée",
    "new_request": "Nouvelle demande",
    "customer_answer": "Réponse d’un client",
}
DELIVERIES = {
    "waiting": ("clock", "e-mail en attente"),
    "sent": ("check", "e-mail remis"),
    "failed": ("alert", "e-mail non remis"),
}
