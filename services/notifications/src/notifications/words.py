"""The sentences of mails, translated when a mail is written."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chassis.text.dates import written_day, written_time
from chassis.text.translations import Translations, mark, mark_plural
from contracts.notifications.api import Kind

translations = Translations(Path(__file__).with_name("translations"))

_ = translations.gettext
N_ = mark

Sentence = str | tuple[str, str]


@dataclass(frozen=True)
class Words:
    """One kind of mail; a pair is of one answer and of several.

    `why` says why the reader gets this mail, `button` what the link does.
    """

    subject: Sentence
    title: Sentence
    lines: tuple[Sentence, ...]
    button: str
    why: str


YOURS = N_("Vous recevez cet e-mail parce que vous avez ouvert cette demande.")
WANTED = N_("Vous recevez cet e-mail parce que vous l’avez demandé dans « Mes notifications ».")
ACCOUNT = N_("Vous recevez cet e-mail parce que vous avez un compte chez nous.")
SAFETY = N_("Cet e-mail protège votre compte : il est toujours envoyé.")
ONCE = N_("Ce lien ne sert qu’une fois, jusqu’au %(expires)s.")
IGNORE = N_("Si vous n’avez rien demandé, ignorez cet e-mail : rien ne change.")

WORDS = {
    Kind.REPLY: Words(
        mark_plural(
            "Votre demande n° %(number)s a reçu une réponse",
            "Votre demande n° %(number)s a reçu %(num)s réponses",
        ),
        mark_plural("%(authors)s vous a répondu", "%(authors)s : %(num)s réponses"),
        (
            mark_plural(
                "Votre demande d’assistance n° %(number)s a reçu une réponse. C’est à vous.",
                "Votre demande d’assistance n° %(number)s a reçu %(num)s réponses. C’est à vous.",
            ),
        ),
        button=N_("Lire et répondre"),
        why=YOURS,
    ),
    Kind.RESOLVED: Words(
        N_("Votre demande n° %(number)s est résolue"),
        N_("Votre demande est résolue"),
        (
            N_("%(authors)s a marqué votre demande d’assistance n° %(number)s comme résolue."),
            N_("Le problème revient ? Ouvrez une demande de suite depuis celle-ci."),
        ),
        button=N_("Voir la demande"),
        why=YOURS,
    ),
    Kind.WELCOME: Words(
        N_("Bienvenue dans votre espace client"),
        N_("Votre appareil est dans votre espace"),
        (
            N_(
                "Bonjour %(first_name)s, votre achat est enregistré. Dans votre espace, vous retrouvez vos appareils et demandez de l’aide : un technicien vous répond."
            ),
            N_("Votre adresse e-mail est votre identifiant."),
        ),
        button=N_("Ouvrir mon espace"),
        why=ACCOUNT,
    ),
    Kind.PASSWORD_CHANGED: Words(
        N_("Votre mot de passe a changé"),
        N_("Votre mot de passe a changé"),
        (
            N_(
                "Bonjour %(first_name)s, le mot de passe de votre compte vient d’être changé. Toutes les autres sessions sont fermées."
            ),
            N_("Ce n’était pas vous ? Choisissez tout de suite un nouveau mot de passe."),
        ),
        button=N_("Choisir un nouveau mot de passe"),
        why=SAFETY,
    ),
    Kind.FIRST_PASSWORD: Words(
        N_("Bienvenue : votre compte est prêt"),
        N_("Votre compte est prêt"),
        (
            N_(
                "Bonjour %(first_name)s, votre mot de passe est choisi : vous vous connectez avec cette adresse."
            ),
            N_("Ce n’était pas vous ? Choisissez tout de suite un nouveau mot de passe."),
        ),
        button=N_("Se connecter"),
        why=SAFETY,
    ),
    Kind.EMAIL_CHANGED: Words(
        N_("L’adresse e-mail de votre compte a changé"),
        N_("Votre adresse e-mail a changé"),
        (
            N_(
                "Bonjour %(first_name)s, votre compte n’est plus lié à cette adresse : une autre l’a remplacée."
            ),
            N_("Ce n’était pas vous ? Prévenez-nous sans attendre, au magasin."),
        ),
        button=N_("Ouvrir le guichet"),
        why=SAFETY,
    ),
    Kind.EMAIL_ASKED: Words(
        N_("Une autre adresse e-mail est demandée pour votre compte"),
        N_("Votre adresse e-mail va changer"),
        (
            N_(
                "Bonjour %(first_name)s, une autre adresse est demandée pour votre compte : %(new_email)s. Elle remplacera celle-ci dès qu’elle sera confirmée, au plus tard le %(expires)s."
            ),
            N_(
                "C’était vous ? Il n’y a rien à faire. Sinon, gardez cette adresse, puis choisissez un nouveau mot de passe."
            ),
        ),
        button=N_("Garder cette adresse"),
        why=SAFETY,
    ),
    Kind.PASSWORD_LINK: Words(
        N_("Choisissez un nouveau mot de passe"),
        N_("Choisissez un nouveau mot de passe"),
        (
            N_("Bonjour %(first_name)s, un nouveau mot de passe a été demandé pour votre compte."),
            ONCE,
            IGNORE,
        ),
        button=N_("Choisir mon mot de passe"),
        why=SAFETY,
    ),
    Kind.INVITATION: Words(
        N_("Votre compte vous attend"),
        N_("Votre compte vous attend"),
        (
            N_(
                "Bonjour %(first_name)s, un compte est ouvert à votre nom. Choisissez votre mot de passe pour y entrer."
            ),
            ONCE,
        ),
        button=N_("Choisir mon mot de passe"),
        why=ACCOUNT,
    ),
    Kind.EMAIL_LINK: Words(
        N_("Confirmez votre adresse e-mail"),
        N_("Confirmez votre adresse e-mail"),
        (
            N_(
                "Bonjour %(first_name)s, cette adresse deviendra celle de votre compte dès que vous l’aurez confirmée."
            ),
            ONCE,
            IGNORE,
        ),
        button=N_("Confirmer mon adresse"),
        why=SAFETY,
    ),
    Kind.EMAIL_IN_USE: Words(
        N_("Votre adresse e-mail a déjà un compte"),
        N_("Vous avez déjà un compte avec cette adresse"),
        (
            N_(
                "Bonjour %(first_name)s, quelqu’un a demandé à se connecter avec cette adresse, qui est déjà celle de votre compte. Rien n’a changé."
            ),
            N_(
                "C’était vous, depuis un autre compte ? Connectez-vous à celui-ci, ou demandez au magasin."
            ),
        ),
        button=N_("Se connecter"),
        why=SAFETY,
    ),
    Kind.ACKNOWLEDGEMENT: Words(
        N_("Votre demande n° %(number)s est arrivée"),
        N_("Votre demande est arrivée"),
        (
            N_(
                "Bonjour %(first_name)s, votre demande d’assistance n° %(number)s est enregistrée. Un technicien vous répond ; rien d’autre n’est à faire."
            ),
        ),
        button=N_("Voir la demande"),
        why=YOURS,
    ),
    Kind.NEW_REQUEST: Words(
        N_("Nouvelle demande n° %(number)s : %(product)s"),
        N_("Nouvelle demande de %(authors)s"),
        (N_("La demande d’assistance n° %(number)s vient d’être ouverte."),),
        button=N_("Ouvrir la demande"),
        why=WANTED,
    ),
    Kind.CUSTOMER_ANSWER: Words(
        mark_plural(
            "Demande n° %(number)s : le client a écrit",
            "Demande n° %(number)s : le client a écrit %(num)s messages",
        ),
        mark_plural("%(authors)s a écrit", "%(authors)s : %(num)s messages"),
        (
            mark_plural(
                "La demande d’assistance n° %(number)s a reçu un message de son client.",
                "La demande d’assistance n° %(number)s a reçu %(num)s messages de son client.",
            ),
        ),
        button=N_("Lire et répondre"),
        why=WANTED,
    ),
}


def filled(sentence: Sentence, facts: dict[str, object], count: int) -> str:
    """In the current language."""
    if isinstance(sentence, tuple):
        return translations.ngettext(*sentence, count, **facts)
    return _(sentence, **facts)


def one_line(text: str) -> str:
    """Remove line breaks, control characters and direction marks, which could forge a header."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.split())


def moment(at: datetime) -> str:
    """« 24 novembre 2026 à 10 h 42 », in the zone of `at`."""
    day, time = written_day(at, _("d MMMM y")), written_time(at, _("H 'h' mm"))
    return _("%(day)s à %(time)s", day=day, time=time)
