"""The kinds of text that people type, and what is refused in them."""

import re
import unicodedata
from itertools import islice
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

NAME_LENGTH = 100
EMAIL_LENGTH = 254
SUBJECT_LENGTH = 200
MESSAGE_LENGTH = 20_000
SEARCH_LENGTH = 200
SEARCH_SHORTEST = 3  # letters and digits, in all words together


def refuse_unstorable(text: str) -> str:
    """NUL characters and lone surrogates: PostgreSQL keeps neither, JSON may carry both."""
    if "\0" in text:
        raise PydanticCustomError("text_nul", "NUL characters are not allowed")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("text_surrogate", "lone surrogates are not allowed")
    return text


def refuse_controls(text: str) -> str:
    """One line: no line break, no other control character."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise PydanticCustomError("text_control", "control characters are not allowed")
    return text


def unify_line_ends(text: str) -> str:
    """Forms send CRLF; a length counts a line break once."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def refuse_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("text_empty", "some text is required")
    return text


def limit(longest: int) -> AfterValidator:
    """Refuse more than `longest` characters (Unicode code points) by a stable code."""

    def check(text: str) -> str:
        if len(text) > longest:
            raise PydanticCustomError(
                "text_too_long",
                "at most {longest} characters, {length} were given",
                {"longest": longest, "length": len(text)},
            )
        return text

    return AfterValidator(check)


def first_words(text: str, longest: int = SEARCH_LENGTH) -> str:
    """No search is too long: its first words are searched, as many as fit."""
    if len(text) <= longest:
        return text
    whole = re.match(rf"(?s).{{1,{longest}}}(?=\s)", text)
    return (whole[0] if whole else text[:longest]).rstrip()


# A scheme, www., an e-mail address, or a host such as mail programs make a link of.
ADDRESS = re.compile(r"://|\bwww[.]|\S@\S|[^\W_]{2,}[.][^\W\d_]{2,}", re.IGNORECASE)


def refuse_addresses(text: str) -> str:
    """A name goes into mails, where programs make a link of whatever looks like an address."""
    if ADDRESS.search(unicodedata.normalize("NFKC", text).replace("。", ".")):
        raise PydanticCustomError("name_with_address", "a name holds no address")
    return text


Stripped = StringConstraints(strip_whitespace=True)
Storable = AfterValidator(refuse_unstorable)
OneLine = AfterValidator(refuse_controls)
NotBlank = AfterValidator(refuse_blank)

Name = Annotated[str, Stripped, Storable, OneLine, NotBlank, limit(NAME_LENGTH)]
PersonName = Annotated[Name, AfterValidator(refuse_addresses)]
Subject = Annotated[str, Stripped, Storable, OneLine, NotBlank, limit(SUBJECT_LENGTH)]
MessageText = Annotated[
    str, AfterValidator(unify_line_ends), Storable, NotBlank, limit(MESSAGE_LENGTH)
]
# Under which something is written and sent: a UUID, in small letters.
Key = Annotated[str, StringConstraints(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
SearchText = Annotated[str, Stripped, Storable, AfterValidator(first_words)]


MAX_ERRORS = 20  # that one answer names


class Body(BaseModel):
    """A request body: unknown fields are a mistake of the caller and refused.

    `circumstances` names the fields that may have moved on when the same thing is sent again under
    the same Idempotency-Key: what the sender has seen, the time that passed.
    """

    model_config = ConfigDict(extra="forbid")

    circumstances: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def leave_most_unknown(cls, given: object) -> object:
        """Some unknown fields are refused as well as thousands, of which each is an error that costs."""
        known = cls.model_fields
        if not isinstance(given, dict) or len(given) <= len(known) + MAX_ERRORS:
            return given
        unknown = islice((name for name in given if name not in known), MAX_ERRORS)
        return {name: given[name] for name in (*(given.keys() & known), *unknown)}


class Answer(BaseModel):
    """A response body, read from mapped objects; readers ignore what they do not know."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class FieldError(BaseModel):
    """Why one field of a request is refused."""

    field: str = Field(description="Dotted path of the field in the body, or a parameter's name.")
    code: str
    detail: str
    context: dict[str, str | int | float | bool | None] = Field(default_factory=dict)


class Problem(BaseModel):
    """RFC 9457; `code` is stable, `detail` is English and for developers."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] = Field(default_factory=list)
    context: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
