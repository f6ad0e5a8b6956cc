"""Products, and how they are searched."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None

SEARCH_INDEXES = {
    "ix_products_searched_on_sale": "on_sale",
    "ix_products_searched_withdrawn": "NOT on_sale",
    "ix_products_sampled_on_sale": "on_sale AND in_sample",
    "ix_products_sampled_withdrawn": "NOT on_sale AND in_sample",
}


def upgrade() -> None:
    create_chassis_tables()
    create_folding()
    create_products()
    create_search_indexes()
    create_settling()


def create_folding() -> None:
    """The one function that folds what is searched and what is typed, character by character.

    Whatever part of a text is folded is thus a part of the folded text. From the inside:
    compatible forms become one (full-width letters and brackets, Ω and Ω); accents and
    invisible characters go; unaccent writes out what is left (ø, œ, ß, curly quotes, ±); runs
    of blanks count as one. unaccent is not immutable, as its dictionary might change; named by
    its schema, it does not.

    Trigrams hold nothing but letters and digits, yet references live of their punctuation
    (« A-1/B »). So each sign is written as a capital, which no folded text holds otherwise,
    and any other character is followed by a Z. A word is therefore always found by trigrams
    where it has three characters, and nothing in it is a sign to LIKE.
    """
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public")
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public")
    op.execute(r"""
        CREATE FUNCTION searchable(typed text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN regexp_replace(
            translate(
                lower(public.unaccent('public.unaccent', regexp_replace(regexp_replace(
                    normalize(typed, NFKD),
                    '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f'
                    '\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]', '', 'g'),
                    '\s+', ' ', 'g'))),
                '-_./+#&()%,:*''"\!=<>?@[];$', 'ABCDEFGHIJKLMNOPQRSTUVWXY'),
            '([^a-zA-Y0-9 ])', '\1Z', 'g')
    """)


def create_products() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("designation", sa.Text, nullable=False),
        sa.Column("on_sale", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column(
            "searched",
            sa.Text,
            sa.Computed("searchable(reference || ' ' || designation)", persisted=True),
            nullable=False,
        ),
        sa.Column(
            "in_sample",
            sa.Boolean,
            sa.Computed("get_byte(uuid_send(id), 15) % 16 = 0", persisted=True),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sa.UniqueConstraint("reference", name="uq_products_reference"),
    )


def create_search_indexes() -> None:
    """By hash where whole folded references are compared: they may be too long for a B-tree."""
    for name, products in SEARCH_INDEXES.items():
        op.create_index(
            name,
            "products",
            ["searched"],
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
            postgresql_where=sa.text(products),
        )
    op.create_index(
        "ix_products_folded_reference",
        "products",
        [sa.text("searchable(reference)")],
        postgresql_using="hash",
    )


def create_settling() -> None:
    """What only the owner may do after an import: it runs with the owner's rights.

    New rows wait in a list before each trigram index, which every search reads to its end:
    some 15 ms of it after an import, until autovacuum comes by a minute later.
    """
    cleaned = ", ".join(f"gin_clean_pending_list('public.{name}')" for name in SEARCH_INDEXES)
    op.execute(f"""
        CREATE FUNCTION settle_products() RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
        $$ BEGIN PERFORM {cleaned}; ANALYZE public.products; END $$
    """)
