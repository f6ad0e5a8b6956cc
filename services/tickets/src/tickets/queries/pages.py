"""Pages of a list: each ends with a cursor to the next one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from chassis.http import paging


def next_page(rows: Sequence[Row[*tuple[Any, ...]]], limit: int, *key: str) -> str | None:
    """A cursor after the last row shown, if one more row was found."""
    if len(rows) <= limit:
        return None
    return paging.encode(*(getattr(rows[limit - 1], name) for name in key))
