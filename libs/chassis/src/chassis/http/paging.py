"""Opaque cursors for keyset paging: the sort key of the last row, never an offset."""

import base64
import functools
import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from chassis.errors import Malformed
from contracts.text import Storable

LONGEST = 4_000  # bytes; no list has a longer key


def read_by(read: Callable[[str], object]) -> BeforeValidator:
    """As `encode` wrote it: Pydantic alone takes digits for seconds since 1970."""

    def check(written: object) -> object:
        if not isinstance(written, str):
            raise ValueError("no text")
        return read(written)

    return BeforeValidator(check)


# As PostgreSQL can compare it; never null, which is neither before nor after anything.
KINDS: dict[type, Any] = {
    str: Annotated[str, Storable],
    int: Annotated[int, Field(ge=-(2**63), lt=2**63)],
    datetime: Annotated[AwareDatetime, read_by(datetime.fromisoformat)],
    date: Annotated[date, read_by(date.fromisoformat)],
}
STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class CursorInvalid(Malformed):
    code = "cursor_invalid"


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
    written = json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(written).decode().rstrip("=")


def decode(cursor: str, *types: type) -> tuple[Any, ...]:
    """The sort key in a cursor; `cursor_invalid` when it was not made by `encode`."""
    try:
        if len(cursor) > LONGEST:
            raise ValueError("longer than any key")
        written = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return key_of(types).validate_json(written)
    except (ValueError, ValidationError) as malformed:
        raise CursorInvalid("this cursor was not given by this list", field="after") from malformed


@functools.cache
def key_of(types: tuple[type, ...]) -> TypeAdapter[tuple[Any, ...]]:
    """Reads the sort key of a list, and nothing else."""
    key: Any = tuple.__class_getitem__(tuple(KINDS.get(kind, kind) for kind in types))
    return TypeAdapter(key, config=STRICT)
