"""The French sentence for each refusal, by its code."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from contracts.identity.api import PASSWORD_SHORTEST
from contracts.numbers import SERIAL_NUMBER_LENGTH
from contracts.text import MESSAGE_LENGTH
from contracts.tickets.api import LONGEST_MINUTES
from web.shared.text.typography import number, plural, typeset
from web.shared.words.sentences import Known

Facts = Mapping[str, Any]
Sentence = str | Callable[[Facts], str]


def wait(facts: Facts) -> str:
    """« 12 minutes », rounded up."""
    return plural(max(1, math.ceil((facts.get("retry_after") or 60) / 60)), "minute", "minutes")


def too_many(facts: Facts) -> str:
    """Of whatever somebody, or the gateway, was asked."""
    return f"Trop d’actions en peu de temps. Réessayez dans {wait(facts)}."


def too_many_in_an_hour(what: str, following: str, safe: str = "") -> Sentence:
    """`most` is their number in an hour; `following` says what goes on after a while."""

    def sentence_for(facts: Facts) -> str:
        most = facts.get("most")
        sentence = (
            f"{number(most)} {what} par heure au plus"
            if isinstance(most, int)
            else f"Trop de {what}"
        )
        return f"{sentence} : {following} dans {wait(facts)}.{safe}"

    return sentence_for


def too_many_attempts(facts: Facts) -> str:
    """To sign in; `by_mail` tells whether a link is another way."""
    sentence = f"Trop d’essais. Réessayez dans {wait(facts)}."
    return f"{sentence[:-1]} ou demandez un lien par e-mail." if facts.get("by_mail") else sentence


def too_long(facts: Facts) -> str:
    longest, length = int(facts.get("longest", 0)), int(facts.get("length", 0))
    return (
        f"{number(length)} caractères : {number(longest)} au plus, "
        f"{number(length - longest)} de trop."
    )


def password_too_short(facts: Facts) -> str:
    shortest, length = int(facts.get("shortest", PASSWORD_SHORTEST)), int(facts.get("length", 0))
    return f"{plural(length, 'caractère', 'caractères')}, encore {shortest - length} au moins."


def search_too_short(facts: Facts) -> str:
    return {1: "Encore une lettre.", 2: "Encore deux lettres."}.get(
        facts.get("missing", 1), "Encore trois lettres."
    )


def serial_number_length(facts: Facts) -> str:
    missing = SERIAL_NUMBER_LENGTH - int(facts.get("length", 0))
    if missing == SERIAL_NUMBER_LENGTH:
        return f"Indiquez le numéro de série : il compte {SERIAL_NUMBER_LENGTH} caractères."
    if missing > 0:
        verb = f"Il manque {plural(missing, 'caractère', 'caractères')}"
    else:
        verb = f"Il y a {plural(-missing, 'caractère', 'caractères')} de trop"
    return f"{verb} : un numéro de série en compte {SERIAL_NUMBER_LENGTH}."


def serial_number_character(facts: Facts) -> str:
    character = called(str(facts.get("character", "")))
    return (
        f"Caractère {facts.get('position')} : {character} n’est ni un chiffre "
        "ni une lettre de A à Z."
    )


def called(character: str) -> str:
    """A character that can be seen as it is, any other by its name."""
    if character.isspace():
        return "une espace"
    return f"« {character} »" if character.isprintable() else "un caractère invisible"


def within(limit: str, sentence: str) -> Sentence:
    """A limit of the contract, by its name in Pydantic's own errors."""

    def named(facts: Facts) -> str:
        value = facts.get(limit)
        return sentence.format(number(value) if isinstance(value, int) else value)

    return named


CLOSED = (
    "Le guichet est momentanément fermé. Votre saisie est conservée ; réessayez dans un instant."
)
GONE = "Ce que vous cherchez n’existe pas ou n’existe plus."
RESOLVED_WITHOUT_REPLY = "Résolue sans autre réponse."
MINUTES_UNREADABLE = (
    f"Indiquez un nombre entier de minutes, de 0 à {number(LONGEST_MINUTES)}, par exemple 15."
)
UNREADABLE = "Cette valeur n’est pas lisible."

REFUSALS: dict[str, Sentence] = {
    # Any service.
    **dict.fromkeys(("unavailable", "failed", "keys_unavailable", "session_unchecked"), CLOSED),
    "busy": "Trop de monde au guichet. Votre saisie est conservée ; réessayez dans un instant.",
    "foreign": "Votre navigateur dit que ce formulaire vient d’un autre site : rien n’est enregistré.",
    "invalid": "Vérifiez ce qui est saisi.",
    "refused": "Cette action n’est pas possible.",
    "unreadable": "Le formulaire n’a pas pu être lu. Réessayez.",
    "body_too_large": "Ce texte est trop long pour être envoyé : "
    f"{number(MESSAGE_LENGTH)} caractères au plus.",
    "media_type_not_supported": "Le formulaire n’a pas pu être lu. Réessayez.",
    "method_not_allowed": "Cette action n’est pas possible.",
    "not_found": GONE,
    "forbidden": "Votre compte ne permet pas cette action.",
    "unauthenticated": "Votre session a expiré. Reconnectez-vous : votre texte est conservé.",
    "too_many": too_many,
    "idempotency_key_reused": "Ce formulaire a déjà été envoyé avec un autre contenu. "
    "Vérifiez, puis envoyez de nouveau.",
    "idempotency_key_invalid": "Le formulaire n’a pas pu être lu. Réessayez.",
    "cursor_invalid": "Cette page de la liste n’existe plus. Revenez au début.",
    # Any text.
    "required": "Ce champ est obligatoire.",
    "text_empty": "Ce champ est obligatoire.",
    "text_too_long": too_long,
    "text_nul": "Ce texte contient un caractère nul, qui ne peut pas être enregistré.",
    "text_surrogate": "Ce texte contient un caractère incomplet, qui ne peut pas être enregistré.",
    "name_with_address": "Un nom ne contient pas d’adresse : retirez-la, ou mettez une espace après "
    "le point.",
    "text_control": "Ce texte contient un caractère invisible (saut de ligne, tabulation…) : "
    "retirez-le.",
    # Accounts.
    "credentials_wrong": "Adresse e-mail ou mot de passe incorrect.",
    "session_ended": "Votre session a expiré. Reconnectez-vous : votre texte est conservé.",
    "session_unknown": "Cette session est déjà fermée.",
    "too_many_attempts": too_many_attempts,
    "current_password_wrong": "Mot de passe actuel incorrect.",
    "password_too_short": password_too_short,
    "password_too_long": "{longest} caractères au plus.",
    "password_too_common": "Ce mot de passe est trop facile à deviner. "
    "Une phrase courte fait très bien l’affaire.",
    "email_without_at": "Une adresse e-mail contient un « @ ».",
    "email_without_ending": "Il manque la fin de l’adresse, par exemple « .fr ».",
    "email_malformed": "Cette adresse e-mail n’est pas complète ou contient un caractère de trop.",
    "email_letters_mixed": "Cette adresse mêle des lettres de plusieurs alphabets, qui se "
    "ressemblent. Tapez-la de nouveau.",
    "email_taken": "Un compte existe déjà avec cette adresse.",
    "customer_unknown": "Ce client n’existe pas ou n’existe plus.",
    "customer_disabled": "Le compte de ce client est fermé.",
    "last_administrator": "Il doit rester au moins un compte d’administrateur.",
    "mail_unavailable": "Aucun e-mail ne peut être envoyé d’ici. Choisissez un mot de passe sur place.",
    "account_disabled": "Ce compte est désactivé.",
    "link_unknown": "Ce lien n’est pas valable. Copiez-le en entier, ou demandez-en un autre.",
    "link_used": "Ce lien a déjà servi. Demandez-en un autre si besoin.",
    "link_expired": "Ce lien n’est plus valable. Demandez-en un autre.",
    "too_many_links": too_many_in_an_hour(
        "liens", "le prochain peut partir", " Le dernier reçu s’ouvre toujours."
    ),
    "staff_member_unknown": "Cette personne ne fait pas partie du personnel.",
    # Sales.
    "sale_unknown": "Cette vente n’existe pas.",
    "sale_cancelled": "Cette vente est annulée : aucune demande ne peut être ouverte pour elle.",
    "product_unknown": "Ce produit n’existe pas ou n’existe plus.",
    "product_withdrawn": "Ce produit n’est plus en vente. Confirmez la vente.",
    "serial_number_already_sold": "Cet appareil est déjà vendu.",
    "serial_number_length": serial_number_length,
    "serial_number_character": serial_number_character,
    "draft_of_another_sale": "Une autre vente est commencée.",
    "already_sent": "C’est déjà envoyé.",
    "sale_already_recorded": "Cette vente est déjà enregistrée.",
    "sold_on_in_future": "La date de vente ne peut pas être dans le futur.",
    "sold_on_too_long_ago": "La date de vente ne peut pas être avant le {oldest}.",
    "date_unreadable": "Cette date n’est pas lisible. Écrivez par exemple 24/11/2026, 2411 ou hier.",
    "not_known_yet": "Ce client vient d’être créé : encore un instant. Votre saisie est conservée.",
    "search_too_short": search_too_short,
    "upload_offset_wrong": "L’envoi a été interrompu. Reprenez-le.",
    "import_refused": "Ce fichier ne peut pas être importé.",
    "import_header_wrong": "La première ligne du fichier doit être « {expected} ».",
    "import_undecodable": "Ligne {line}, colonne {column} : le fichier n’est pas en UTF-8.",
    "import_running": "Un import est déjà en cours. Attendez qu’il se termine.",
    "import_truncated": "Le fichier s’arrête au milieu de la ligne {line}.",
    # Requests.
    "ticket_unknown": "Cette demande n’existe pas.",
    "too_many_tickets": too_many_in_an_hour(
        "demandes", "la prochaine peut être envoyée", " Votre saisie est conservée."
    ),
    "too_many_messages": too_many_in_an_hour(
        "messages", "le prochain peut être envoyé", " Votre texte est conservé."
    ),
    "ticket_resolved": "Cette demande est résolue : elle ne reçoit plus de message.",
    "product_not_owned": "Cet appareil n’est pas parmi les vôtres. Choisissez-en un autre.",
    "answered_meanwhile": "{last_author_name} vient de répondre à cette demande. Relisez l’échange, "
    "puis envoyez de nouveau.",
    "staff_only": "Ce champ est réservé au personnel.",
    "message_unknown": "Ce message n’existe pas.",
    "followed_ticket_unknown": "La demande à prolonger n’existe pas.",
    "followed_ticket_unresolved": "La demande à prolonger n’est pas encore résolue : répondez-y.",
    "followed_other_product": "La demande à prolonger concerne un autre appareil.",
    "quick_reply_unknown": "Cette réponse type n’existe pas ou n’existe plus.",
    "quick_reply_title_taken": "Une réponse type porte déjà ce titre.",
    "quick_replies_full": "{most} réponses types au plus : retirez-en une d’abord.",
    "quick_reply_variable_unknown": "« {variable} » n’est pas une variable des réponses types.",
    "since_invalid": "Rechargez la page.",
    "streams_full": CLOSED,
    "too_many_streams": "Guichet est ouvert dans trop de fenêtres à la fois ({most} au plus).",
    # Mails.
    "mail_unknown": "Cet e-mail n’existe pas ou n’existe plus.",
    "mail_not_resendable": "Cet e-mail n’a plus rien à annoncer : il n’est pas renvoyé.",
    "unsubscription_unknown": "Ce lien n’est pas complet. Ouvrez-le depuis l’e-mail, "
    "ou réglez vos notifications dans votre compte.",
    # Pydantic's own names for values that our forms never send, but a hand may.
    "uuid_parsing": UNREADABLE,
    "uuid_type": UNREADABLE,
    "string_type": UNREADABLE,
    "string_too_long": within("max_length", "Ce texte est trop long : {} caractères au plus."),
    "string_too_short": within("min_length", "Ce texte est trop court : {} caractères au moins."),
    "too_long": within("max_length", "Cette liste est trop longue : {} au plus."),
    "too_short": within("min_length", "Cette liste est trop courte : {} au moins."),
    "string_pattern_mismatch": UNREADABLE,
    "int_parsing": UNREADABLE,
    "bool_parsing": UNREADABLE,
    "date_parsing": UNREADABLE,
    "enum": UNREADABLE,
    "json_invalid": UNREADABLE,
    "greater_than_equal": within("ge", "Cette valeur est trop petite : {} au moins."),
    "greater_than": within("gt", "Cette valeur est trop petite : plus de {}."),
    "less_than_equal": within("le", "Cette valeur est trop grande : {} au plus."),
    "less_than": within("lt", "Cette valeur est trop grande : moins de {}."),
    "extra_forbidden": UNREADABLE,
}

# Where a field's own wording differs: (the form's name for it, the code).
FIELD_REFUSALS: dict[tuple[str, str], Sentence] = {
    (field, code): sentence
    for field, sentence in {
        "first_name": "Indiquez le prénom.",
        "last_name": "Indiquez le nom.",
        "email": "Indiquez l’adresse e-mail.",
        "password": "Indiquez le mot de passe.",
        "current_password": "Indiquez votre mot de passe actuel.",
        "subject": "Indiquez le problème en une phrase.",
        "description": "Décrivez ce qui se passe.",
        "text": "Écrivez votre message.",
        "sale_id": "Choisissez un appareil.",
        "customer_id": "Choisissez un client.",
        "product_id": "Choisissez un produit.",
        "serial_number": "Indiquez le numéro de série.",
        "sold_on": "Indiquez la date de vente.",
        "reason": "Indiquez la raison.",
        "title": "Donnez un titre à cette réponse type.",
    }.items()
    for code in ("required", "text_empty", "uuid_parsing")
} | {
    ("minutes", code): MINUTES_UNREADABLE
    for code in ("int_parsing", "greater_than_equal", "less_than_equal")
}

UNKNOWN = "Cette valeur n’est pas acceptée."


def refusal(
    code: str, context: Facts | None = None, *, field: str = "", retry_after: int | None = None
) -> str:
    """The French sentence for a service's code; `field` is the form's name for the field."""
    sentence = FIELD_REFUSALS.get((field, code)) or REFUSALS.get(code, UNKNOWN)
    facts = Known({**(context or {}), "retry_after": retry_after})
    return typeset(sentence.format_map(facts) if isinstance(sentence, str) else sentence(facts))
