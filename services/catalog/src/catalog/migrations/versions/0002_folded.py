"""Products searched by the fold of all searches, short words by an index of their own.

The table is written anew and its indexes are made: the search of products waits meanwhile, some
five minutes for a million products. Sales go on, which know what can be sold themselves.
"""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_fold, create_pieces

revision = "0002"
down_revision = "0001"

SEARCH_INDEXES = {
    "ix_products_searched_on_sale": "on_sale",
    "ix_products_searched_withdrawn": "NOT on_sale",
    "ix_products_sampled_on_sale": "on_sale AND in_sample",
    "ix_products_sampled_withdrawn": "NOT on_sale AND in_sample",
}
# In small letters, as they are folded; it is the capitals that look alike.
LOOKS = {
    **dict(zip("авекмнорстухіјѕԁԛԝ", "abekmhopctyxijsdqw", strict=True)),
    **dict(zip("αβεζηικμνορτυχϳ", "abezhikmnoptyxj", strict=True)),
}


def upgrade() -> None:
    op.execute("SET LOCAL maintenance_work_mem = '128MB'")
    for name in ("ix_products_folded_reference", *SEARCH_INDEXES):
        op.drop_index(name, "products")
    op.drop_column("products", "searched")
    op.execute("DROP FUNCTION searchable")
    create_fold()
    op.execute("""
        CREATE FUNCTION squeezed(folded text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN translate(folded, ' -', '')
    """)
    create_pieces()
    create_alike()
    op.execute(r"""
        ALTER TABLE products
            ADD COLUMN searched text NOT NULL
                GENERATED ALWAYS AS (fold(reference) || E'\n' || fold(designation)) STORED,
            ADD COLUMN alike text NOT NULL GENERATED ALWAYS AS (alike(reference)) STORED
    """)
    create_indexes()


def create_alike() -> None:
    """What a reference looks like: also a Greek or Cyrillic capital that looks like a Latin one."""
    op.execute(f"""
        CREATE FUNCTION alike(reference text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN translate(squeezed(fold(reference)), '{"".join(LOOKS)}', '{"".join(LOOKS.values())}')
    """)


def create_indexes() -> None:
    """By hash where whole references are compared: they may be too long for a B-tree."""
    for name, products in SEARCH_INDEXES.items():
        op.create_index(
            name,
            "products",
            [sa.text("squeezed(searched) gin_trgm_ops"), sa.text("pieces(searched)")],
            postgresql_using="gin",
            postgresql_where=sa.text(products),
        )
        # The planner needs no idea of what is common, and ANALYZE need not compute it.
        for column in (1, 2):
            op.execute(f"ALTER INDEX {name} ALTER COLUMN {column} SET STATISTICS 0")
    op.create_index("ix_products_alike", "products", ["alike"], postgresql_using="hash")
