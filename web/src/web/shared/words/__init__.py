"""A sentence for every code, counts, typography."""

from web.shared.text.typography import (
    COUNTED_MOST,
    capital,
    counted,
    iso_day,
    lasting,
    minutes,
    number,
    spelled,
    unresolved,
)
from web.shared.words.done import (
    DONE,
    done,
)
from web.shared.words.files import (
    kind_icon,
    kind_name,
    limits_hint,
    size_of,
)
from web.shared.words.mails import (
    ABOUT_MAILS,
    DELIVERIES,
    ENDED,
    email_question,
)
from web.shared.words.refusals import (
    FIELD_REFUSALS,
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
    status,
)

__all__ = [
    "ABOUT_MAILS",
    "COUNTED_MOST",
    "DELIVERIES",
    "DONE",
    "ENDED",
    "FIELD_REFUSALS",
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
    "following",
    "iso_day",
    "kind",
    "kind_icon",
    "kind_name",
    "lasting",
    "limits_hint",
    "minutes",
    "number",
    "refusal",
    "role",
    "size_of",
    "spelled",
    "status",
    "unresolved",
]
