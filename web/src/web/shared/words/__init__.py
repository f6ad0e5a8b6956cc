"""French texts: a sentence for every code, counts, typography."""

from web.shared.text.typography import (
    COUNTED_MOST,
    NBSP,
    capital,
    counted,
    feminine,
    iso_day,
    lasting,
    masculine,
    minutes,
    number,
    plural,
    typeset,
    unresolved,
)
from web.shared.words.done import (
    DONE,
    done,
    may_ask,
)
from web.shared.words.mails import (
    ABOUT_MAILS,
    DELIVERIES,
    MAILS,
    email_question,
)
from web.shared.words.refusals import (
    FIELD_REFUSALS,
    MINUTES_UNREADABLE,
    REFUSALS,
    RESOLVED_WITHOUT_REPLY,
    UNKNOWN,
    called,
    refusal,
)
from web.shared.words.tickets import (
    ROLES,
    STATUSES,
    following,
    kind,
    role,
)

__all__ = [
    "ABOUT_MAILS",
    "COUNTED_MOST",
    "DELIVERIES",
    "DONE",
    "FIELD_REFUSALS",
    "MAILS",
    "MINUTES_UNREADABLE",
    "NBSP",
    "REFUSALS",
    "RESOLVED_WITHOUT_REPLY",
    "ROLES",
    "STATUSES",
    "UNKNOWN",
    "called",
    "capital",
    "counted",
    "done",
    "email_question",
    "feminine",
    "following",
    "iso_day",
    "kind",
    "lasting",
    "masculine",
    "may_ask",
    "minutes",
    "number",
    "plural",
    "refusal",
    "role",
    "typeset",
    "unresolved",
]
