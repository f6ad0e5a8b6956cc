"""Products, and the form in which they are searched."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Computed, Index, func, literal_column, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.data.database import Mapping, metadata


class Base(Mapping, DeclarativeBase):
    metadata = metadata()


def search_index(name: str, products: str) -> Index:
    return Index(
        name,
        literal_column("squeezed(searched)").label("squeezed"),
        text("pieces(searched)"),
        postgresql_using="gin",
        postgresql_ops={"squeezed": "gin_trgm_ops"},
        postgresql_where=text(products),
    )


class Product(Base):
    """What can be sold. `version` grows with every change; references are compared exactly.

    `searched` is reference and designation, each in a line, as `chassis.text.folding` folds them.
    `alike` is what a reference looks like, without separators: twins have the same.
    `in_sample` is true for one product in sixteen, by its random id: see `catalog.queries`.
    """

    __tablename__ = "products"
    __table_args__ = (
        search_index("ix_products_searched_on_sale", "on_sale"),
        search_index("ix_products_searched_withdrawn", "NOT on_sale"),
        search_index("ix_products_sampled_on_sale", "on_sale AND in_sample"),
        search_index("ix_products_sampled_withdrawn", "NOT on_sale AND in_sample"),
        Index("ix_products_alike", "alike", postgresql_using="hash"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    designation: Mapped[str]
    on_sale: Mapped[bool]
    version: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    searched: Mapped[str] = mapped_column(
        Computed("fold(reference) || E'\\n' || fold(designation)", persisted=True)
    )
    alike: Mapped[str] = mapped_column(Computed("alike(reference)", persisted=True))
    in_sample: Mapped[bool] = mapped_column(
        Computed("get_byte(uuid_send(id), 15) % 16 = 0", persisted=True)
    )
