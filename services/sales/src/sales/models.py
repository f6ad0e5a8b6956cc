"""Sales, the drafts of sales, and the local copies of who may buy and what can be sold."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Computed,
    Index,
    Sequence,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import clock
from chassis.data.database import Mapping, metadata, new_id
from chassis.errors import Malformed, Refusal
from chassis.http.auth import Caller
from contracts.numbers import SERIAL_NUMBER
from contracts.sales.api import OLDEST_YEARS, NewSale, day_refusal, years_before
from contracts.sales.events import SoldProduct

SQUEEZED = "translate(search_text, ' -', '')"
PIECES = "pieces(search_text)"


class Base(Mapping, DeclarativeBase):
    metadata = metadata()


class CustomerDisabled(Refusal):
    code = "customer_disabled"


class ProductWithdrawn(Refusal):
    code = "product_withdrawn"


class SoldInFuture(Malformed):
    code = "sold_on_in_future"


class SoldTooLongAgo(Malformed):
    code = "sold_on_too_long_ago"


def check_day(sold_on: date, today: date) -> None:
    match day_refusal(sold_on, today):
        case SoldInFuture.code:
            raise SoldInFuture(
                "a sale cannot be later than today",
                field="sold_on",
                context={"today": today.isoformat()},
            )
        case SoldTooLongAgo.code:
            raise SoldTooLongAgo(
                "a sale cannot be that long ago",
                field="sold_on",
                context={"oldest": years_before(today, OLDEST_YEARS).isoformat()},
            )


class KnownCustomer(Base):
    """A customer, as in identity's last event."""

    __tablename__ = "known_customers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    enabled: Mapped[bool]
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str]

    @hybrid_property
    def words(self) -> str:
        """The words by which this customer's sales are found."""
        return self.first_name + " " + self.last_name + " " + self.email

    def check_may_buy(self) -> None:
        if not self.enabled:
            raise CustomerDisabled("this customer's account is disabled", field="customer_id")


class SellableProduct(Base):
    """A product, as in catalog's last event; selling a withdrawn one needs a confirmation."""

    __tablename__ = "sellable_products"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    reference: Mapped[str]
    designation: Mapped[str]
    on_sale: Mapped[bool]

    def check_can_be_sold(self, *, withdrawn_confirmed: bool) -> None:
        if not self.on_sale and not withdrawn_confirmed:
            raise ProductWithdrawn("this product is no longer on sale", field="product_id")


# Gaps are intended: the number of a refused sale is not used again.
SALE_NUMBERS = Sequence("sale_numbers", metadata=Base.metadata)

UNIT_SOLD_ONCE = "uq_sales_unit_sold_once"

# O is easily read as 0, and I as 1: numbers that differ by nothing else are equal in this form.
AS_READ = "translate(serial_number, 'OI', '01')"


class Sale(Base):
    """One physical unit sold to one customer, with the product as it was sold."""

    __tablename__ = "sales"
    __table_args__ = (
        Index(
            UNIT_SOLD_ONCE,
            "product_id",
            "serial_number",
            unique=True,
            postgresql_where=text("cancelled_at IS NULL"),
        ),
        Index("ix_sales_recorded", "recorded_at", "id"),
        Index("ix_sales_of_customer", "customer_id", "recorded_at", "id"),
        Index("ix_sales_of_seller", "seller_id", "recorded_at", "id"),
        Index("ix_sales_sold_on", "sold_on"),
        Index("ix_sales_serial_number_as_read", text(AS_READ), "recorded_at"),
        # Finds any part of a word, once it has three characters, whatever separators are in it.
        Index(
            "ix_sales_search_text",
            literal_column(SQUEEZED).label("squeezed"),
            postgresql_using="gin",
            postgresql_ops={"squeezed": "gin_trgm_ops"},
        ),
        # For texts of which no word has three.
        Index("ix_sales_pieces", text(PIECES), postgresql_using="gin"),
        CheckConstraint(f"serial_number ~ '{SERIAL_NUMBER}'", name="serial_number"),
        CheckConstraint(
            "num_nonnulls(cancelled_at, cancelled_by, cancelled_by_name, cancellation_reason)"
            " IN (0, 4)",
            name="cancellation",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[UUID]
    seller_id: Mapped[UUID]
    seller_name: Mapped[str]
    product_id: Mapped[UUID]
    product_reference: Mapped[str]
    product_designation: Mapped[str]
    serial_number: Mapped[str]
    sold_on: Mapped[date]
    recorded_at: Mapped[datetime]
    version: Mapped[int]
    # The customer's, copied here so that one index finds a sale by any of its words.
    customer_words: Mapped[str]
    cancelled_at: Mapped[datetime | None] = mapped_column(default=None)
    cancelled_by: Mapped[UUID | None] = mapped_column(default=None)
    cancelled_by_name: Mapped[str | None] = mapped_column(default=None)
    cancellation_reason: Mapped[str | None] = mapped_column(default=None)
    search_text: Mapped[str] = mapped_column(
        Computed(
            "fold(number || ' ' || serial_number || ' ' || product_reference"
            " || ' ' || product_designation || ' ' || customer_words)",
            persisted=True,
        ),
        init=False,
        deferred=True,
    )

    @classmethod
    def recorded(
        cls,
        new: NewSale,
        *,
        customer: KnownCustomer,
        product: SellableProduct,
        seller: Caller,
        ordinal: int,
        at: datetime,
    ) -> "Sale":
        """A new sale; `at` is the current time in the shop's zone, which decides what « today » is."""
        check_day(new.sold_on, (at + clock.MAX_AHEAD).date())  # today by another clock
        customer.check_may_buy()
        product.check_can_be_sold(withdrawn_confirmed=new.withdrawn_confirmed)
        return cls(
            id=new_id(),
            number=f"V-{at.year}-{ordinal:05}",
            customer_id=customer.id,
            seller_id=seller.id,
            seller_name=seller.name,
            product_id=product.id,
            product_reference=product.reference,
            product_designation=product.designation,
            serial_number=new.serial_number,
            sold_on=new.sold_on,
            recorded_at=at.astimezone(UTC),
            version=1,
            customer_words=customer.words,
        )

    @classmethod
    def reads_like(cls, serial_number: str) -> ColumnElement[bool]:
        """The same number, or the same but for O and 0, I and 1."""
        column = literal_column(AS_READ)
        return column == serial_number.translate({ord("O"): "0", ord("I"): "1"})

    @property
    def sale_id(self) -> UUID:
        """The name of its id in events."""
        return self.id

    @property
    def product(self) -> SoldProduct:
        return SoldProduct(
            id=self.product_id,
            reference=self.product_reference,
            designation=self.product_designation,
        )

    def cancel(self, *, by: Caller, reason: str, at: datetime) -> bool:
        """Cancel the sale, finally; False if it was cancelled before."""
        if self.cancelled_at is not None:
            return False
        self.cancelled_at = at.astimezone(UTC)
        self.cancelled_by, self.cancelled_by_name = by.id, by.name
        self.cancellation_reason = reason
        self.version += 1
        return True


# A forgotten draft is deleted after that: it may contain a name and an address.
DRAFTS_LAST = timedelta(days=7)


class Draft(Base):
    """The sale that a seller is entering, until it is recorded under its key."""

    __tablename__ = "drafts"

    seller_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    saved_at: Mapped[datetime]
    # Of what 0.1 has ended, whose replicas go on until they are renewed. To be dropped after 0.2.
    sale_id: Mapped[UUID | None] = mapped_column(default=None)
    # The page's own, not read here: a field more at the counter is none here.
    content: Mapped[dict[str, str]] = mapped_column(JSONB, default_factory=dict)
    negligible: Mapped[bool] = mapped_column(default=False)
