"""The sentence for each refusal, by its code."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from contracts.identity.api import PASSWORD_SHORTEST
from contracts.numbers import SERIAL_NUMBER_LENGTH
from contracts.text import MESSAGE_LENGTH
from contracts.tickets.api import LONGEST_MINUTES
from web.shared.text.language import N_, _, ngettext
from web.shared.text.typography import number

Facts = Mapping[str, Any]
Sentence = str | Callable[[Facts], str]


class Known(dict[str, Any]):
    """Facts, and nothing for those that a service has not told."""

    def __missing__(self, _: str) -> str:
        return ""


def wait(facts: Facts) -> str:
    """« 12 minutes », rounded up."""
    minutes = max(1, math.ceil((facts.get("retry_after") or 60) / 60))
    return ngettext("%(num)s minute", "%(num)s minutes", minutes, num=number(minutes))


def too_many(facts: Facts) -> str:
    """Of whatever somebody, or the gateway, was asked."""
    return _("Trop d’actions en peu de temps. Réessayez dans %(wait)s.", wait=wait(facts))


def too_many_in_an_hour(sentence: str, without_number: str) -> Sentence:
    """`most` is their number in an hour, where it is known."""

    def sentence_for(facts: Facts) -> str:
        most = facts.get("most")
        if isinstance(most, int):
            return _(sentence, most=number(most), wait=wait(facts))
        return _(without_number, wait=wait(facts))

    return sentence_for


def too_many_attempts(facts: Facts) -> str:
    """To sign in; `by_mail` tells whether a link is another way."""
    if facts.get("by_mail"):
        return _(
            "Trop d’essais. Réessayez dans %(wait)s ou demandez un lien par e-mail.",
            wait=wait(facts),
        )
    return _("Trop d’essais. Réessayez dans %(wait)s.", wait=wait(facts))


def too_long(facts: Facts) -> str:
    longest, length = int(facts.get("longest", 0)), int(facts.get("length", 0))
    return _(
        "%(length)s caractères : %(longest)s au plus, %(excess)s de trop.",
        length=number(length),
        longest=number(longest),
        excess=number(length - longest),
    )


def file_too_large(facts: Facts) -> str:
    megabytes = int(facts.get("longest", 0)) // (1024 * 1024)
    return _("Ce fichier est trop lourd : %(most)s Mo au plus.", most=number(megabytes))


def password_too_short(facts: Facts) -> str:
    shortest, length = int(facts.get("shortest", PASSWORD_SHORTEST)), int(facts.get("length", 0))
    return ngettext(
        "%(num)s caractère, encore %(left)s au moins.",
        "%(num)s caractères, encore %(left)s au moins.",
        length,
        left=shortest - length,
    )


def search_too_short(facts: Facts) -> str:
    sentences = {1: _("Encore une lettre."), 2: _("Encore deux lettres.")}
    return sentences.get(facts.get("missing", 1), _("Encore trois lettres."))


def serial_number_length(facts: Facts) -> str:
    missing = SERIAL_NUMBER_LENGTH - int(facts.get("length", 0))
    if missing == SERIAL_NUMBER_LENGTH:
        return _(
            "Indiquez le numéro de série : il compte %(length)s caractères.",
            length=SERIAL_NUMBER_LENGTH,
        )
    if missing > 0:
        return ngettext(
            "Il manque %(num)s caractère : un numéro de série en compte %(length)s.",
            "Il manque %(num)s caractères : un numéro de série en compte %(length)s.",
            missing,
            length=SERIAL_NUMBER_LENGTH,
        )
    return ngettext(
        "Il y a %(num)s caractère de trop : un numéro de série en compte %(length)s.",
        "Il y a %(num)s caractères de trop : un numéro de série en compte %(length)s.",
        -missing,
        length=SERIAL_NUMBER_LENGTH,
    )


def serial_number_character(facts: Facts) -> str:
    return _(
        "Caractère %(position)s : %(character)s n’est ni un chiffre ni une lettre de A à Z.",
        position=facts.get("position"),
        character=called(str(facts.get("character", ""))),
    )


def called(character: str) -> str:
    """A character that can be seen as it is, any other by its name."""
    if character.isspace():
        return _("une espace")
    if not character.isprintable():
        return _("un caractère invisible")
    return _("« %(text)s »", text=character)


def within(limit: str, sentence: str) -> Sentence:
    """A limit of the contract, by its name in Pydantic's own errors."""

    def named(facts: Facts) -> str:
        value = facts.get(limit)
        return _(sentence, limit=number(value) if isinstance(value, int) else value)

    return named


def minutes_unreadable(_facts: Facts) -> str:
    return _(
        "Indiquez un nombre entier de minutes, de 0 à %(most)s, par exemple 15.",
        most=number(LONGEST_MINUTES),
    )


def body_too_large(_facts: Facts) -> str:
    return _(
        "Ce texte est trop long pour être envoyé : %(most)s caractères au plus.",
        most=number(MESSAGE_LENGTH),
    )


CLOSED = N_(
    "Le guichet est momentanément fermé. Votre saisie est conservée ; réessayez dans un instant."
)
GONE = N_("Ce que vous cherchez n’existe pas ou n’existe plus.")
RESOLVED_WITHOUT_REPLY = N_("Résolue sans autre réponse.")
UNREADABLE = N_("Cette valeur n’est pas lisible.")

REFUSALS: dict[str, Sentence] = {
    # Any service.
    **dict.fromkeys(("unavailable", "failed", "keys_unavailable", "session_unchecked"), CLOSED),
    "busy": N_("Trop de monde au guichet. Votre saisie est conservée ; réessayez dans un instant."),
    "foreign": N_(
        "Votre navigateur dit que ce formulaire vient d’un autre site : rien n’est enregistré."
    ),
    "invalid": N_("Vérifiez ce qui est saisi."),
    "refused": N_("Cette action n’est pas possible."),
    "unreadable": N_("Le formulaire n’a pas pu être lu. Réessayez."),
    "body_too_large": body_too_large,
    "media_type_not_supported": N_("Le formulaire n’a pas pu être lu. Réessayez."),
    "method_not_allowed": N_("Cette action n’est pas possible."),
    "not_found": GONE,
    "forbidden": N_("Votre compte ne permet pas cette action."),
    "unauthenticated": N_("Votre session a expiré. Reconnectez-vous : votre texte est conservé."),
    "too_many": too_many,
    "idempotency_key_reused": N_(
        "Ce formulaire a déjà été envoyé avec un autre contenu. Vérifiez, puis envoyez de nouveau."
    ),
    "idempotency_key_invalid": N_("Le formulaire n’a pas pu être lu. Réessayez."),
    "cursor_invalid": N_("Cette page de la liste n’existe plus. Revenez au début."),
    # Any text.
    "required": N_("Ce champ est obligatoire."),
    "text_empty": N_("Ce champ est obligatoire."),
    "text_too_long": too_long,
    "text_nul": N_("Ce texte contient un caractère nul, qui ne peut pas être enregistré."),
    "text_surrogate": N_(
        "Ce texte contient un caractère incomplet, qui ne peut pas être enregistré."
    ),
    "name_with_address": N_(
        "Un nom ne contient pas d’adresse : retirez-la, ou mettez une espace après le point."
    ),
    "text_control": N_(
        "Ce texte contient un caractère invisible (saut de ligne, tabulation…) : retirez-le."
    ),
    # Accounts.
    "credentials_wrong": N_("Adresse e-mail ou mot de passe incorrect."),
    "session_ended": N_("Votre session a expiré. Reconnectez-vous : votre texte est conservé."),
    "session_unknown": N_("Cette session est déjà fermée."),
    "too_many_attempts": too_many_attempts,
    "current_password_wrong": N_("Mot de passe actuel incorrect."),
    "password_too_short": password_too_short,
    "password_too_long": N_("%(longest)s caractères au plus."),
    "password_too_common": N_(
        "Ce mot de passe est trop facile à deviner. Une phrase courte fait très bien l’affaire."
    ),
    "email_without_at": N_("Une adresse e-mail contient un « @ »."),
    "email_without_ending": N_("Il manque la fin de l’adresse, par exemple « .fr »."),
    "email_malformed": N_(
        "Cette adresse e-mail n’est pas complète ou contient un caractère de trop."
    ),
    "email_letters_mixed": N_(
        "Cette adresse mêle des lettres de plusieurs alphabets, qui se ressemblent. Tapez-la de nouveau."
    ),
    "email_taken": N_("Un compte existe déjà avec cette adresse."),
    "customer_unknown": N_("Ce client n’existe pas ou n’existe plus."),
    "customer_disabled": N_("Le compte de ce client est fermé."),
    "last_administrator": N_("Il doit rester au moins un compte d’administrateur."),
    "mail_unavailable": N_(
        "Aucun e-mail ne peut être envoyé d’ici. Choisissez un mot de passe sur place."
    ),
    "account_disabled": N_("Ce compte est désactivé."),
    "link_unknown": N_("Ce lien n’est pas valable. Copiez-le en entier, ou demandez-en un autre."),
    "link_used": N_("Ce lien a déjà servi. Demandez-en un autre si besoin."),
    "link_expired": N_("Ce lien n’est plus valable. Demandez-en un autre."),
    "too_many_links": too_many_in_an_hour(
        N_(
            "%(most)s liens par heure au plus : le prochain peut partir dans %(wait)s. Le dernier reçu s’ouvre toujours."
        ),
        N_(
            "Trop de liens : le prochain peut partir dans %(wait)s. Le dernier reçu s’ouvre toujours."
        ),
    ),
    "staff_member_unknown": N_("Cette personne ne fait pas partie du personnel."),
    # Sales.
    "sale_unknown": N_("Cette vente n’existe pas."),
    "sale_cancelled": N_(
        "Cette vente est annulée : aucune demande ne peut être ouverte pour elle."
    ),
    "product_unknown": N_("Ce produit n’existe pas ou n’existe plus."),
    "product_withdrawn": N_("Ce produit n’est plus en vente. Confirmez la vente."),
    "serial_number_already_sold": N_("Cet appareil est déjà vendu."),
    "serial_number_length": serial_number_length,
    "serial_number_character": serial_number_character,
    "draft_of_another_sale": N_("Une autre vente est commencée."),
    "already_sent": N_("C’est déjà envoyé."),
    "sale_already_recorded": N_("Cette vente est déjà enregistrée."),
    "sold_on_in_future": N_("La date de vente ne peut pas être dans le futur."),
    "sold_on_too_long_ago": N_("La date de vente ne peut pas être avant le %(oldest)s."),
    "date_unreadable": N_(
        "Cette date n’est pas lisible. Écrivez par exemple 24/11/2026, 2411 ou hier."
    ),
    "not_known_yet": N_(
        "Ce client vient d’être créé : encore un instant. Votre saisie est conservée."
    ),
    "search_too_short": search_too_short,
    "upload_offset_wrong": N_("L’envoi a été interrompu. Reprenez-le."),
    # Files of messages.
    "file_unknown": N_("Ce fichier n’existe pas ou n’existe plus."),
    "file_missing": N_(
        "Ce fichier n’est plus disponible. Demandez qu’on vous l’envoie de nouveau."
    ),
    "file_not_of_draft": N_(
        "Un fichier a été retiré ou déjà envoyé. Vérifiez la liste, puis envoyez de nouveau."
    ),
    "file_not_ready": N_(
        "Un fichier est encore en cours d’envoi ou de vérification. Votre texte est conservé : envoyez dans un instant."
    ),
    "file_refused": N_("Un fichier a été refusé. Retirez-le, puis envoyez de nouveau."),
    "too_many_files": N_("%(most)s fichiers au plus par message."),
    "too_many_files_an_hour": too_many_in_an_hour(
        N_(
            "%(most)s fichiers par heure au plus : le prochain peut être envoyé dans %(wait)s. Votre texte est conservé."
        ),
        N_(
            "Trop de fichiers : le prochain peut être envoyé dans %(wait)s. Votre texte est conservé."
        ),
    ),
    "file_too_large": file_too_large,
    "file_empty": N_("Ce fichier est vide."),
    "file_nameless": N_("Ce fichier n’a pas de nom."),
    "file_kind_refused": N_("Ce type de fichier n’est pas accepté."),
    "file_virus": N_("Ce fichier contient un virus : il n’a pas été enregistré."),
    "file_picture_too_large": N_("Cette image est trop grande pour être ouverte."),
    "file_picture_unreadable": N_(
        "Cette image n’a pas pu être lue : le fichier est abîmé ou incomplet."
    ),
    "file_failed": N_("Ce fichier n’a pas pu être vérifié. Envoyez-le de nouveau."),
    "check_later": N_("Les fichiers attendent d’être vérifiés. Votre texte est conservé."),
    "import_refused": N_("Ce fichier ne peut pas être importé."),
    "import_header_wrong": N_("La première ligne du fichier doit être « %(expected)s »."),
    "import_undecodable": N_("Ligne %(line)s, colonne %(column)s : le fichier n’est pas en UTF-8."),
    "import_running": N_("Un import est déjà en cours. Attendez qu’il se termine."),
    "import_truncated": N_("Le fichier s’arrête au milieu de la ligne %(line)s."),
    # Requests.
    "ticket_unknown": N_("Cette demande n’existe pas."),
    "too_many_tickets": too_many_in_an_hour(
        N_(
            "%(most)s demandes par heure au plus : la prochaine peut être envoyée dans %(wait)s. Votre saisie est conservée."
        ),
        N_(
            "Trop de demandes : la prochaine peut être envoyée dans %(wait)s. Votre saisie est conservée."
        ),
    ),
    "too_many_messages": too_many_in_an_hour(
        N_(
            "%(most)s messages par heure au plus : le prochain peut être envoyé dans %(wait)s. Votre texte est conservé."
        ),
        N_(
            "Trop de messages : le prochain peut être envoyé dans %(wait)s. Votre texte est conservé."
        ),
    ),
    "ticket_resolved": N_("Cette demande est résolue : elle ne reçoit plus de message."),
    "product_not_owned": N_("Cet appareil n’est pas parmi les vôtres. Choisissez-en un autre."),
    "answered_meanwhile": N_(
        "%(last_author_name)s vient de répondre à cette demande. Relisez l’échange, puis envoyez de nouveau."
    ),
    "staff_only": N_("Ce champ est réservé au personnel."),
    "message_unknown": N_("Ce message n’existe pas."),
    "followed_ticket_unknown": N_("La demande à prolonger n’existe pas."),
    "followed_ticket_unresolved": N_(
        "La demande à prolonger n’est pas encore résolue : répondez-y."
    ),
    "followed_other_product": N_("La demande à prolonger concerne un autre appareil."),
    "quick_reply_unknown": N_("Cette réponse type n’existe pas ou n’existe plus."),
    "quick_reply_title_taken": N_("Une réponse type porte déjà ce titre."),
    "quick_replies_full": N_("%(most)s réponses types au plus : retirez-en une d’abord."),
    "quick_reply_variable_unknown": N_(
        "« %(variable)s » n’est pas une variable des réponses types."
    ),
    "since_invalid": N_("Rechargez la page."),
    "streams_full": CLOSED,
    "too_many_streams": N_(
        "Guichet est ouvert dans trop de fenêtres à la fois (%(most)s au plus)."
    ),
    # Mails.
    "mail_unknown": N_("Cet e-mail n’existe pas ou n’existe plus."),
    "mail_not_resendable": N_("Cet e-mail n’a plus rien à annoncer : il n’est pas renvoyé."),
    "unsubscription_unknown": N_(
        "Ce lien n’est pas complet. Ouvrez-le depuis l’e-mail, ou réglez vos notifications dans votre compte."
    ),
    # Pydantic's own names for values that our forms never send, but a hand may.
    "uuid_parsing": UNREADABLE,
    "uuid_type": UNREADABLE,
    "string_type": UNREADABLE,
    "string_too_long": within(
        "max_length", N_("Ce texte est trop long : %(limit)s caractères au plus.")
    ),
    "string_too_short": within(
        "min_length", N_("Ce texte est trop court : %(limit)s caractères au moins.")
    ),
    "too_long": within("max_length", N_("Cette liste est trop longue : %(limit)s au plus.")),
    "too_short": within("min_length", N_("Cette liste est trop courte : %(limit)s au moins.")),
    "string_pattern_mismatch": UNREADABLE,
    "int_parsing": UNREADABLE,
    "bool_parsing": UNREADABLE,
    "date_parsing": UNREADABLE,
    "enum": UNREADABLE,
    "json_invalid": UNREADABLE,
    "greater_than_equal": within("ge", N_("Cette valeur est trop petite : %(limit)s au moins.")),
    "greater_than": within("gt", N_("Cette valeur est trop petite : plus de %(limit)s.")),
    "less_than_equal": within("le", N_("Cette valeur est trop grande : %(limit)s au plus.")),
    "less_than": within("lt", N_("Cette valeur est trop grande : moins de %(limit)s.")),
    "extra_forbidden": UNREADABLE,
}

# Where a field's own wording differs: (the form's name for it, the code).
FIELD_REFUSALS: dict[tuple[str, str], Sentence] = {
    (field, code): sentence
    for field, sentence in {
        "first_name": N_("Indiquez le prénom."),
        "last_name": N_("Indiquez le nom."),
        "email": N_("Indiquez l’adresse e-mail."),
        "password": N_("Indiquez le mot de passe."),
        "current_password": N_("Indiquez votre mot de passe actuel."),
        "subject": N_("Indiquez le problème en une phrase."),
        "description": N_("Décrivez ce qui se passe."),
        "text": N_("Écrivez votre message."),
        "sale_id": N_("Choisissez un appareil."),
        "customer_id": N_("Choisissez un client."),
        "product_id": N_("Choisissez un produit."),
        "serial_number": N_("Indiquez le numéro de série."),
        "sold_on": N_("Indiquez la date de vente."),
        "reason": N_("Indiquez la raison."),
        "title": N_("Donnez un titre à cette réponse type."),
    }.items()
    for code in ("required", "text_empty", "uuid_parsing")
} | {
    ("minutes", code): minutes_unreadable
    for code in ("int_parsing", "greater_than_equal", "less_than_equal")
}

UNKNOWN = N_("Cette valeur n’est pas acceptée.")


def refusal(
    code: str, context: Facts | None = None, *, field: str = "", retry_after: int | None = None
) -> str:
    """The sentence for a service's code; `field` is the form's name for the field."""
    sentence = FIELD_REFUSALS.get((field, code)) or REFUSALS.get(code, UNKNOWN)
    facts = Known({**(context or {}), "retry_after": retry_after})
    return _(sentence) % facts if isinstance(sentence, str) else sentence(facts)
