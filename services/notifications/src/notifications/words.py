"""The texts of mails, in French and in English."""

from dataclasses import dataclass
from datetime import datetime

from chassis.text.typography import NBSP, typeset
from contracts.notifications.api import Kind, Language


@dataclass(frozen=True)
class Words:
    """One kind of mail: braces name what is filled in.

    `why` says why the reader gets this mail, `button` what the link does.
    """

    subject: str
    title: str
    lines: tuple[str, ...]
    button: str
    why: str


def french(subject: str, title: str, *lines: str, button: str, why: str) -> Words:
    return Words(
        typeset(subject), typeset(title), tuple(map(typeset, lines)), typeset(button), typeset(why)
    )


def english(subject: str, title: str, *lines: str, button: str, why: str) -> Words:
    return Words(subject, title, lines, button, why)


YOURS_FR = "Vous recevez cet e-mail parce que vous avez ouvert cette demande."
YOURS_EN = "You receive this e-mail because you opened this request."
WANTED_FR = "Vous recevez cet e-mail parce que vous l’avez demandé dans « Mes notifications »."
WANTED_EN = "You receive this e-mail because you asked for it in “My notifications”."
ACCOUNT_FR = "Vous recevez cet e-mail parce que vous avez un compte chez nous."
ACCOUNT_EN = "You receive this e-mail because you have an account with us."
SAFETY_FR = "Cet e-mail protège votre compte : il est toujours envoyé."
SAFETY_EN = "This e-mail protects your account: it is always sent."
ONCE_FR = "Ce lien ne sert qu’une fois, jusqu’au {expires}."
ONCE_EN = "This link works once, until {expires}."
IGNORE_FR = "Si vous n’avez rien demandé, ignorez cet e-mail : rien ne change."
IGNORE_EN = "If you did not ask for this, ignore this e-mail: nothing changes."

FRENCH = {
    Kind.REPLY: french(
        "Votre demande n° {number} a reçu une réponse{about}",
        "{authors} vous a répondu",
        "Votre demande d’assistance n° {number} a reçu une réponse. C’est à vous.",
        button="Lire et répondre",
        why=YOURS_FR,
    ),
    Kind.RESOLVED: french(
        "Votre demande n° {number} est résolue{about}",
        "Votre demande est résolue",
        "{authors} a marqué votre demande d’assistance n° {number} comme résolue.",
        "Le problème revient ? Ouvrez une demande de suite depuis celle-ci.",
        button="Voir la demande",
        why=YOURS_FR,
    ),
    Kind.WELCOME: french(
        "Bienvenue dans votre espace client",
        "Votre appareil est dans votre espace",
        "Bonjour {first_name}, votre achat est enregistré. Dans votre espace, vous retrouvez vos "
        "appareils et demandez de l’aide : un technicien vous répond.",
        "Votre adresse e-mail est votre identifiant.",
        button="Ouvrir mon espace",
        why=ACCOUNT_FR,
    ),
    Kind.PASSWORD_CHANGED: french(
        "Votre mot de passe a changé",
        "Votre mot de passe a changé",
        "Bonjour {first_name}, le mot de passe de votre compte vient d’être changé. Toutes les "
        "autres sessions sont fermées.",
        "Ce n’était pas vous ? Choisissez tout de suite un nouveau mot de passe.",
        button="Choisir un nouveau mot de passe",
        why=SAFETY_FR,
    ),
    Kind.FIRST_PASSWORD: french(
        "Bienvenue : votre compte est prêt",
        "Votre compte est prêt",
        "Bonjour {first_name}, votre mot de passe est choisi : vous vous connectez avec cette "
        "adresse.",
        "Ce n’était pas vous ? Choisissez tout de suite un nouveau mot de passe.",
        button="Se connecter",
        why=SAFETY_FR,
    ),
    Kind.EMAIL_CHANGED: french(
        "L’adresse e-mail de votre compte a changé",
        "Votre adresse e-mail a changé",
        "Bonjour {first_name}, votre compte n’est plus lié à cette adresse : une autre l’a "
        "remplacée.",
        "Ce n’était pas vous ? Prévenez-nous sans attendre, au magasin.",
        button="Ouvrir le guichet",
        why=SAFETY_FR,
    ),
    Kind.EMAIL_ASKED: french(
        "Une autre adresse e-mail est demandée pour votre compte",
        "Votre adresse e-mail va changer",
        "Bonjour {first_name}, une autre adresse est demandée pour votre compte : {new_email}. Elle "
        "remplacera celle-ci dès qu’elle sera confirmée, au plus tard le {expires}.",
        "C’était vous ? Il n’y a rien à faire. Sinon, gardez cette adresse, puis choisissez un "
        "nouveau mot de passe.",
        button="Garder cette adresse",
        why=SAFETY_FR,
    ),
    Kind.PASSWORD_LINK: french(
        "Choisissez un nouveau mot de passe",
        "Choisissez un nouveau mot de passe",
        "Bonjour {first_name}, un nouveau mot de passe a été demandé pour votre compte.",
        ONCE_FR,
        IGNORE_FR,
        button="Choisir mon mot de passe",
        why=SAFETY_FR,
    ),
    Kind.INVITATION: french(
        "Votre compte vous attend",
        "Votre compte vous attend",
        "Bonjour {first_name}, un compte est ouvert à votre nom. Choisissez votre mot de passe "
        "pour y entrer.",
        ONCE_FR,
        button="Choisir mon mot de passe",
        why=ACCOUNT_FR,
    ),
    Kind.EMAIL_LINK: french(
        "Confirmez votre adresse e-mail",
        "Confirmez votre adresse e-mail",
        "Bonjour {first_name}, cette adresse deviendra celle de votre compte dès que vous "
        "l’aurez confirmée.",
        ONCE_FR,
        IGNORE_FR,
        button="Confirmer mon adresse",
        why=SAFETY_FR,
    ),
    Kind.EMAIL_IN_USE: french(
        "Votre adresse e-mail a déjà un compte",
        "Vous avez déjà un compte avec cette adresse",
        "Bonjour {first_name}, quelqu’un a demandé à se connecter avec cette adresse, qui est déjà "
        "celle de votre compte. Rien n’a changé.",
        "C’était vous, depuis un autre compte ? Connectez-vous à celui-ci, ou demandez au magasin.",
        button="Se connecter",
        why=SAFETY_FR,
    ),
    Kind.ACKNOWLEDGEMENT: french(
        "Votre demande n° {number} est arrivée{about}",
        "Votre demande est arrivée",
        "Bonjour {first_name}, votre demande d’assistance n° {number} est enregistrée. Un "
        "technicien vous répond ; rien d’autre n’est à faire.",
        button="Voir la demande",
        why=YOURS_FR,
    ),
    Kind.NEW_REQUEST: french(
        "Nouvelle demande n° {number} : {product}",
        "Nouvelle demande de {authors}",
        "La demande d’assistance n° {number} vient d’être ouverte.",
        button="Ouvrir la demande",
        why=WANTED_FR,
    ),
    Kind.CUSTOMER_ANSWER: french(
        "Demande n° {number} : le client a écrit{about}",
        "{authors} a écrit",
        "La demande d’assistance n° {number} a reçu un message de son client.",
        button="Lire et répondre",
        why=WANTED_FR,
    ),
}

ENGLISH = {
    Kind.REPLY: english(
        "Your request no. {number} has an answer{about}",
        "{authors} has answered you",
        "Your support request no. {number} has received an answer. It is your turn.",
        button="Read and reply",
        why=YOURS_EN,
    ),
    Kind.RESOLVED: english(
        "Your request no. {number} is resolved{about}",
        "Your request is resolved",
        "{authors} has marked your support request no. {number} as resolved.",
        "Is the problem back? Open a follow-up request from this one.",
        button="See the request",
        why=YOURS_EN,
    ),
    Kind.WELCOME: english(
        "Welcome to your customer space",
        "Your device is in your space",
        "Hello {first_name}, your purchase is recorded. In your space you find your devices and "
        "ask for help: a technician answers you.",
        "Your e-mail address is what you sign in with.",
        button="Open my space",
        why=ACCOUNT_EN,
    ),
    Kind.PASSWORD_CHANGED: english(
        "Your password has changed",
        "Your password has changed",
        "Hello {first_name}, the password of your account has just been changed. All other "
        "sessions are closed.",
        "Was it not you? Choose a new password right now.",
        button="Choose a new password",
        why=SAFETY_EN,
    ),
    Kind.FIRST_PASSWORD: english(
        "Welcome: your account is ready",
        "Your account is ready",
        "Hello {first_name}, your password is chosen: you sign in with this address.",
        "Was it not you? Choose a new password right now.",
        button="Sign in",
        why=SAFETY_EN,
    ),
    Kind.EMAIL_CHANGED: english(
        "The e-mail address of your account has changed",
        "Your e-mail address has changed",
        "Hello {first_name}, your account no longer uses this address: another one has replaced "
        "it.",
        "Was it not you? Tell us at the shop without delay.",
        button="Open Guichet",
        why=SAFETY_EN,
    ),
    Kind.EMAIL_ASKED: english(
        "Another e-mail address is asked for on your account",
        "Your e-mail address is about to change",
        "Hello {first_name}, another address is asked for on your account: {new_email}. It replaces "
        "this one once it is confirmed, by {expires} at the latest.",
        "Was it you? There is nothing to do. If not, keep this address, then choose a new "
        "password.",
        button="Keep this address",
        why=SAFETY_EN,
    ),
    Kind.PASSWORD_LINK: english(
        "Choose a new password",
        "Choose a new password",
        "Hello {first_name}, a new password was asked for on your account.",
        ONCE_EN,
        IGNORE_EN,
        button="Choose my password",
        why=SAFETY_EN,
    ),
    Kind.INVITATION: english(
        "Your account is waiting for you",
        "Your account is waiting for you",
        "Hello {first_name}, an account was opened in your name. Choose your password to get in.",
        ONCE_EN,
        button="Choose my password",
        why=ACCOUNT_EN,
    ),
    Kind.EMAIL_LINK: english(
        "Confirm your e-mail address",
        "Confirm your e-mail address",
        "Hello {first_name}, this address becomes that of your account once you have confirmed it.",
        ONCE_EN,
        IGNORE_EN,
        button="Confirm my address",
        why=SAFETY_EN,
    ),
    Kind.EMAIL_IN_USE: english(
        "Your e-mail address already has an account",
        "You already have an account with this address",
        "Hello {first_name}, somebody asked to sign in with this address, which is already that of "
        "your account. Nothing has changed.",
        "Was it you, from another account? Sign in to this one, or ask at the shop.",
        button="Sign in",
        why=SAFETY_EN,
    ),
    Kind.ACKNOWLEDGEMENT: english(
        "Your request no. {number} has arrived{about}",
        "Your request has arrived",
        "Hello {first_name}, your support request no. {number} is recorded. A technician will "
        "answer you; there is nothing else to do.",
        button="See the request",
        why=YOURS_EN,
    ),
    Kind.NEW_REQUEST: english(
        "New request no. {number}: {product}",
        "New request from {authors}",
        "Support request no. {number} has just been opened.",
        button="Open the request",
        why=WANTED_EN,
    ),
    Kind.CUSTOMER_ANSWER: english(
        "Request no. {number}: the customer has written{about}",
        "{authors} has written",
        "Support request no. {number} has received a message from its customer.",
        button="Read and reply",
        why=WANTED_EN,
    ),
}

WORDS = {Language.FRENCH: FRENCH, Language.ENGLISH: ENGLISH}

# For a mail about several answers.
SEVERAL = {
    Language.FRENCH: {
        Kind.REPLY: french(
            "Votre demande n° {number} a reçu {count} réponses{about}",
            "{authors} : {count} réponses",
            "Votre demande d’assistance n° {number} a reçu {count} réponses. C’est à vous.",
            button="Lire et répondre",
            why=YOURS_FR,
        ),
        Kind.CUSTOMER_ANSWER: french(
            "Demande n° {number} : le client a écrit {count} messages{about}",
            "{authors} : {count} messages",
            "La demande d’assistance n° {number} a reçu {count} messages de son client.",
            button="Lire et répondre",
            why=WANTED_FR,
        ),
    },
    Language.ENGLISH: {
        Kind.REPLY: english(
            "Your request no. {number} has {count} answers{about}",
            "{authors}: {count} answers",
            "Your support request no. {number} has received {count} answers. It is your turn.",
            button="Read and reply",
            why=YOURS_EN,
        ),
        Kind.CUSTOMER_ANSWER: english(
            "Request no. {number}: the customer has written {count} messages{about}",
            "{authors}: {count} messages",
            "Support request no. {number} has received {count} messages from its customer.",
            button="Read and reply",
            why=WANTED_EN,
        ),
    },
}

LABELS = {
    Language.FRENCH: {
        "request": "Demande",
        "product": "Produit",
        "device": "Appareil",
        "address": "Si le bouton ne s’ouvre pas, copiez cette adresse dans votre navigateur"
        + NBSP
        + ":",
        "settings": "Mes notifications",
        "unsubscribe": "Ne plus recevoir ces e-mails",
        "automatic": "Message automatique"
        + NBSP
        + ": une réponse à cet e-mail n’est lue par personne.",
        "and": "et",
        "number": f"n°{NBSP}",
        "colon": f"{NBSP}:",
    },
    Language.ENGLISH: {
        "request": "Request",
        "product": "Product",
        "device": "Device",
        "address": "If the button does not open, copy this address into your browser:",
        "settings": "My notifications",
        "unsubscribe": "Stop these e-mails",
        "automatic": "Automatic message: nobody reads a reply to this e-mail.",
        "and": "and",
        "number": "no. ",
        "colon": ":",
    },
}


def words(kind: Kind, language: Language, count: int = 1) -> Words:
    """The texts of a kind of mail; `count` is the number of answers it is about."""
    several = SEVERAL[language].get(kind) if count > 1 else None
    return several or WORDS[language][kind]


def one_line(text: str) -> str:
    """Without line breaks, control characters and direction marks, which could forge a header."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.split())


def enumeration(names: list[str], language: Language) -> str:
    """« Awa Diallo, Karim Benali et Julien Morel »."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {LABELS[language]['and']} {names[-1]}"


MONTHS = {
    Language.FRENCH: "janvier février mars avril mai juin juillet août septembre octobre novembre"
    " décembre",
    Language.ENGLISH: "January February March April May June July August September October November"
    " December",
}


def moment(at: datetime, language: Language) -> str:
    """« 24 novembre 2026 à 10 h 42 », in the zone of `at`."""
    month = MONTHS[language].split()[at.month - 1]
    if language == Language.FRENCH:
        day = "1er" if at.day == 1 else str(at.day)
        return f"{day} {month} {at.year} à {at.hour}{NBSP}h{NBSP}{at.minute:02}"
    return f"{at.day} {month} {at.year} at {at:%H:%M}"
