"""Sentences about mails."""

from dataclasses import dataclass

from web.shared.text.language import N_, _


@dataclass(frozen=True)
class Wish:
    """What the page that ends a kind of mail says: it comes, comes again, has ended."""

    wanted: str
    again: str
    ended: str


ENDED = {
    "reply": Wish(
        N_("Vous recevez un e-mail à chaque réponse à vos demandes."),
        N_("Vous recevez de nouveau un e-mail à chaque réponse à vos demandes."),
        N_("Vous ne recevez plus d’e-mail à chaque réponse à vos demandes."),
    ),
    "resolved": Wish(
        N_("Vous recevez un e-mail quand une de vos demandes est résolue."),
        N_("Vous recevez de nouveau un e-mail quand une de vos demandes est résolue."),
        N_("Vous ne recevez plus d’e-mail quand une de vos demandes est résolue."),
    ),
    "acknowledgement": Wish(
        N_("Vous recevez un e-mail quand une de vos demandes est arrivée."),
        N_("Vous recevez de nouveau un e-mail quand une de vos demandes est arrivée."),
        N_("Vous ne recevez plus d’e-mail quand une de vos demandes est arrivée."),
    ),
    "new_request": Wish(
        N_("Vous recevez un e-mail à chaque nouvelle demande."),
        N_("Vous recevez de nouveau un e-mail à chaque nouvelle demande."),
        N_("Vous ne recevez plus d’e-mail à chaque nouvelle demande."),
    ),
    "customer_answer": Wish(
        N_("Vous recevez un e-mail à chaque réponse d’un client."),
        N_("Vous recevez de nouveau un e-mail à chaque réponse d’un client."),
        N_("Vous ne recevez plus d’e-mail à chaque réponse d’un client."),
    ),
}

# What staff read of a mail that was not delivered, and of one on a message.
ABOUT_MAILS = {
    "reply": N_("Réponse à une demande"),
    "resolved": N_("Demande résolue"),
    "welcome": N_("Bienvenue"),
    "password_changed": N_("Mot de passe changé"),
    "first_password": N_("Premier mot de passe"),
    "email_changed": N_("Adresse changée"),
    "password_link": N_("Lien de mot de passe"),
    "invitation": N_("Invitation"),
    "email_link": N_("Confirmation d’adresse"),
    "email_asked": N_("Changement d’adresse demandé"),
    "email_in_use": N_("Adresse déjà utilisée"),
    "acknowledgement": N_("Demande arrivée"),
    "new_request": N_("Nouvelle demande"),
    "customer_answer": N_("Réponse d’un client"),
}
DELIVERIES = {
    "waiting": ("clock", N_("e-mail en attente")),
    "sent": ("check", N_("e-mail remis")),
    "failed": ("alert", N_("e-mail non remis")),
}


def email_question(meant: str) -> str:
    return _(
        "Vouliez-vous dire %(email)s ? Corrigez l’adresse, ou envoyez-la telle quelle.", email=meant
    )
