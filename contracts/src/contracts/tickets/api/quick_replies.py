"""Texts that staff prepare once and send often."""

from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.text import Answer, Body, MessageText, Name

MAX_QUICK_REPLIES = 200

# The names that may be between braces in a quick reply; others are refused.
VARIABLES = ("prénom", "produit", "numéro de série", "numéro de demande")


class NewQuickReply(Body):
    """`quick_reply_variable_unknown`: braces may hold a variable and nothing else."""

    title: Name
    text: MessageText


class QuickReplyChange(Body):
    title: Name | None = None
    text: MessageText | None = None


class QuickReply(Answer):
    id: UUID
    title: str
    text: str
    changed_by_name: str
    changed_at: AwareDatetime


class QuickReplies(Answer):
    """In the order of their titles."""

    quick_replies: list[QuickReply]


class RenderedQuickReply(QuickReply):
    rendered: str = Field(description="The text with this request's own values.")


class RenderedQuickReplies(Answer):
    quick_replies: list[RenderedQuickReply]
