"""How classes become tables here, and how lists name the rows that they hold."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, literal_column
from sqlalchemy.orm import DeclarativeBase

from chassis.data.database import Mapping, metadata


class Base(Mapping, DeclarativeBase):
    metadata = metadata()


def holds(condition: str) -> ColumnElement[Any]:
    """A condition as SQL text with constants, written once.

    PostgreSQL uses a partial index only for a query with the same condition.
    """
    return literal_column(condition, Boolean)
