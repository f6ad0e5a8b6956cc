"""Local copies of people and of what they own; which side a person is on."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.http.auth import Caller
from contracts.identity.roles import STAFF
from contracts.tickets.events import Side
from tickets.models.mapping import Base


def side_of(caller: Caller) -> Side:
    return Side.STAFF if caller.role in STAFF else Side.CUSTOMER


def is_staff(caller: Caller) -> bool:
    return side_of(caller) == Side.STAFF


class Person(Base):
    """A person as in identity's last event; version 0 if only known from a token."""

    __tablename__ = "people"
    __table_args__ = (CheckConstraint("kind IN ('customer', 'staff')", name="kind"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    name: Mapped[str] = mapped_column(
        Computed("btrim(first_name || ' ' || last_name)", persisted=True), init=False
    )
    email: Mapped[str | None]
    registered_at: Mapped[datetime | None]
    version: Mapped[int]


class OwnedProduct(Base):
    """One unit that a customer bought, from the events of its sale.

    `sold_on` is missing only while the cancellation has arrived but the sale has not.
    """

    __tablename__ = "owned_products"
    __table_args__ = (
        CheckConstraint("cancelled OR sold_on IS NOT NULL", name="sold_on"),
        Index(
            "ix_owned_products_of_customer",
            "customer_id",
            "sold_on",
            "sale_id",
            postgresql_where=text("NOT cancelled"),
        ),
    )

    sale_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    product_id: Mapped[UUID]
    reference: Mapped[str]
    designation: Mapped[str]
    serial_number: Mapped[str]
    sold_on: Mapped[date | None]
    cancelled: Mapped[bool]
    version: Mapped[int]
