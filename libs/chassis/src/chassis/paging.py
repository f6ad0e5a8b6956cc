"""Opaque cursors for keyset pages: the last row's sort key, never a number of rows to skip."""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from chassis.errors import Malformed

READERS: dict[type, Callable[[Any], Any]] = {
    str: str,
    int: int,
    bool: bool,
    float: float,
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
}

UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
    binascii.Error,
)


class CursorInvalid(Malformed):
    code = "cursor_invalid"


def is_storable(value: object) -> bool:
    """What PostgreSQL could compare with: no NUL, no lone surrogate, no number over 64 bits."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    return not isinstance(value, int) or abs(value) < 2**63


def encode(*values: object) -> str:
    """A cursor from the sort key of the last row shown."""
    plain = [
        value.isoformat()
        if isinstance(value, date)
        else str(value)
        if isinstance(value, UUID)
        else value
        for value in values
    ]
    said = json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def decode(cursor: str, *types: type) -> tuple[Any, ...]:
    """The sort key in a cursor; `cursor_invalid` when it was not made by `encode`."""
    try:
        said = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        values = json.loads(said)
        if not isinstance(values, list):
            raise ValueError("not a sort key")
        key = tuple(
            None if value is None else READERS[kind](value)
            for kind, value in zip(types, values, strict=True)
        )
        if not all(map(is_storable, key)):
            raise ValueError("not a sort key")
    except UNREADABLE as malformed:
        raise CursorInvalid("this cursor was not given by this list", field="after") from malformed
    return key
