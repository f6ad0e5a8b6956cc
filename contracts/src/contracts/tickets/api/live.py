"""Hints of what happened, so that pages know what to read again."""

from enum import StrEnum

from pydantic import Field

from contracts.text import Answer


class What(StrEnum):
    """What happened to a request. Customers get the first three, about their own requests."""

    OPENED = "opened"
    MESSAGE = "message"
    RESOLVED = "resolved"
    NOTE = "note"
    PRIORITY = "priority"
    SEEN = "seen"
    MINUTES = "minutes"


class Change(Answer):
    """A hint, never content: read again what is shown of this request."""

    number: int
    what: What
    by_staff: bool
    version: int = Field(description="Of the request after it, as the reader knows it.")


class Changes(Answer):
    """Oldest first. A change may come twice; none is left out, unless `everything`."""

    changes: list[Change]
    everything: bool = Field(
        description="Too much happened, or too long ago: read again all that is shown."
    )
    as_of: str = Field(description="To be given as `since` the next time.")
