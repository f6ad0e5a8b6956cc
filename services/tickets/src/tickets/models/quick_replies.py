"""Texts that staff prepare once and send often."""

import re
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.errors import Malformed, NotFound, Refusal
from contracts.tickets.api import VARIABLES
from tickets.models.mapping import Base

BRACES = re.compile(r"\{([^{}]*)\}")


class QuickReplyUnknown(NotFound):
    code = "quick_reply_unknown"


class QuickReplyTitleTaken(Refusal):
    code = "quick_reply_title_taken"


class TooManyQuickReplies(Refusal):
    code = "quick_replies_full"


class QuickReplyVariableUnknown(Malformed):
    code = "quick_reply_variable_unknown"


class QuickReply(Base):
    """A title to find it by, and a text with variables between braces."""

    __tablename__ = "quick_replies"
    __table_args__ = (Index("uq_quick_replies_title", text("lower(title)"), unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    text: Mapped[str]
    changed_by: Mapped[UUID]
    changed_by_name: Mapped[str]
    changed_at: Mapped[datetime]


def rendered_text(text: str, values: Mapping[str, str]) -> str:
    """Fill in the values of one request. Braces inside a value stay as they are."""
    return BRACES.sub(lambda braces: values.get(braces[1], braces[0]), text)


def check_variables(text: str) -> None:
    """Braces may only hold a known variable, so that a typo is found before a customer sees it."""
    for name in BRACES.findall(text):
        if name not in VARIABLES:
            raise QuickReplyVariableUnknown(
                "not a variable of quick replies", field="text", context={"variable": name}
            )
