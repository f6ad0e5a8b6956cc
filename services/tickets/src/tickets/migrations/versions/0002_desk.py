"""The desk: notes, priority, time spent, drafts, quick replies, search, and hints of changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

WAITING_FOR_CUSTOMER = "status = 'in_progress' AND last_visible_by = 'staff'"
VIEWS = (
    ("to_handle", "waiting_since", "waiting_since IS NOT NULL"),
    ("open", "waiting_since", "status = 'open'"),
    ("in_progress", "last_activity_at", "status = 'in_progress'"),
    ("waiting_customer", "last_activity_at", WAITING_FOR_CUSTOMER),
    ("resolved", "resolved_at", "status = 'resolved'"),
)

# What is no word: control characters, and marks of punctuation from ASCII to the symbols. Written
# as places of Unicode, since classes like [:alnum:] depend on the locale of the database.
MARKS = "[\\u0001-\\u001f!-/:-@\\[-`{-\\u00bf\\u00d7\\u00f7\\u2000-\\u2bff\\u3000-\\u303f]"

# Endings whose accents the stemmer would need: « arrêtée » is « arrête », « dernière » is
# « dernier », with or without accents.
ENDINGS = (("[ée]e(s?)\\M", "e\\1 "), ("i[èe]re(s?)\\M", "ier\\1 "))


def upgrade() -> None:
    op.add_column("people", sa.Column("registered_at", sa.DateTime(timezone=True)))
    create_words()
    extend_messages()
    extend_tickets()
    create_minutes_corrections()
    create_drafts()
    create_quick_replies()
    create_changes()


# --- Search -----------------------------------------------------------------------------------


def create_words() -> None:
    """How texts become words: French stems, without accents, whatever the punctuation.

    Both extensions are trusted: the owner of the database may create them.
    """
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA public")
    op.execute("CREATE TEXT SEARCH CONFIGURATION public.requests (COPY = pg_catalog.french)")
    for kinds, stem in (
        ("hword, hword_part, word", "french_stem"),
        ("numword, numhword", "simple"),
    ):
        op.execute(
            f"ALTER TEXT SEARCH CONFIGURATION public.requests"
            f" ALTER MAPPING FOR {kinds} WITH public.unaccent, pg_catalog.{stem}"
        )
    create_searchable()
    # Stems that begin like a word not yet typed to its end are looked up here.
    op.create_table(
        "stems",
        sa.Column("stem", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("stem", name="pk_stems"),
    )


def create_searchable() -> None:
    """A text of words and blanks alone; as long as it was, so that places stay the same."""
    said = f"regexp_replace(normalize($1, NFC), '{MARKS}', ' ', 'g')"
    for ending, other in ENDINGS:
        said = f"regexp_replace({said}, '{ending}', '{other}', 'gi')"
    op.execute(f"""
        CREATE FUNCTION public.searchable(text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT {said} $$
    """)


def extend_messages() -> None:
    op.add_column("messages", sa.Column("customer_id", sa.Uuid()))
    op.add_column("messages", sa.Column("minutes", sa.Integer()))
    op.add_column(
        "messages",
        sa.Column("minutes_corrected", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.alter_column("messages", "minutes_corrected", server_default=None)
    op.add_column("messages", sa.Column("search", postgresql.TSVECTOR()))
    op.drop_constraint("ck_messages_kind", "messages")
    op.create_check_constraint(
        op.f("ck_messages_kind"), "messages", "kind IN ('customer', 'staff', 'note')"
    )
    op.create_check_constraint(
        op.f("ck_messages_minutes"),
        "messages",
        "minutes BETWEEN 0 AND 1440 AND (kind <> 'customer' OR minutes IS NULL)",
    )
    index_messages()
    op.alter_column("messages", "customer_id", nullable=False)
    op.alter_column("messages", "search", nullable=False)
    op.create_index(
        "ix_messages_of_customer",
        "messages",
        ["customer_id", "position"],
        postgresql_where="kind <> 'note'",
    )
    op.create_index(
        "ix_messages_answers",
        "messages",
        ["author_id", "ticket_id"],
        postgresql_where="kind = 'staff'",
    )
    op.create_index(
        "ix_messages_search",
        "messages",
        [sa.text("(position >> 12)"), sa.text("(position >> 16)"), "search"],
        postgresql_using="gin",
    )


def index_messages() -> None:
    """The words of a message are those of its text and of its request's subject.

    The database writes them, whoever inserts. Stems are drawn in their order, so that two
    transactions that learn the same ones never wait for each other in a circle.
    """
    op.execute("""
        CREATE FUNCTION index_message() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.search := strip(to_tsvector('public.requests', public.searchable(
                (SELECT subject FROM tickets WHERE id = NEW.ticket_id) || ' ' || NEW.text)));
            INSERT INTO stems SELECT unnest(tsvector_to_array(NEW.search)) ON CONFLICT DO NOTHING;
            RETURN NEW;
        END $$
    """)
    op.execute("""
        UPDATE messages SET customer_id = tickets.customer_id, search = strip(to_tsvector(
            'public.requests', public.searchable(tickets.subject || ' ' || messages.text)))
        FROM tickets WHERE tickets.id = messages.ticket_id
    """)
    op.execute("""
        INSERT INTO stems SELECT DISTINCT unnest(tsvector_to_array(search)) FROM messages
    """)
    op.execute("""
        CREATE TRIGGER index_message BEFORE INSERT ON messages
        FOR EACH ROW EXECUTE FUNCTION index_message()
    """)


# --- Requests ---------------------------------------------------------------------------------


def extend_tickets() -> None:
    for column in (
        sa.Column("visible_version", sa.Integer()),
        sa.Column("unread", sa.Boolean()),
        sa.Column("priority", sa.SmallInteger()),
        sa.Column("answered_by", postgresql.ARRAY(sa.Text())),
        sa.Column("follows", sa.BigInteger()),
    ):
        op.add_column("tickets", column)
    # Nobody could say so far what staff had opened: what waits is taken for unread.
    op.execute("""
        UPDATE tickets SET visible_version = version, unread = waiting_since IS NOT NULL,
            priority = 3, answered_by = ARRAY(
                SELECT author_name FROM messages WHERE ticket_id = tickets.id AND kind = 'staff'
                GROUP BY author_name ORDER BY min(position))
    """)
    for name in ("visible_version", "unread", "priority", "answered_by"):
        op.alter_column("tickets", name, nullable=False)
    op.create_foreign_key(
        "fk_tickets_follows_tickets", "tickets", "tickets", ["follows"], ["number"]
    )
    op.create_check_constraint(op.f("ck_tickets_priority"), "tickets", "priority BETWEEN 1 AND 4")
    op.create_check_constraint(
        op.f("ck_tickets_visible_version"), "tickets", "visible_version <= version"
    )
    create_lists()


def create_lists() -> None:
    for view, moment, holds in VIEWS:
        op.drop_index(f"ix_tickets_{view}", "tickets")
        op.create_index(
            f"ix_tickets_{view}",
            "tickets",
            [moment, "number", "opened_at"],
            postgresql_where=holds,
        )
        op.create_index(
            f"ix_tickets_{view}_by_priority",
            "tickets",
            ["priority", moment, "number"],
            postgresql_where=holds,
        )
    for name, columns, holds in (
        ("unread", ["waiting_since", "number"], "unread"),
        ("opened", ["opened_at", "number"], None),
        ("of_product", ["product_id", "last_activity_at", "number"], None),
        ("of_serial_number", ["serial_number", "number"], None),
        ("unresolved_of_sale", ["sale_id", "number"], "status <> 'resolved'"),
        ("following", ["follows", "number"], "follows IS NOT NULL"),
    ):
        op.create_index(f"ix_tickets_{name}", "tickets", columns, postgresql_where=holds)


# --- Beside them ------------------------------------------------------------------------------


def create_minutes_corrections() -> None:
    op.create_table(
        "minutes_corrections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("corrected_by", sa.Uuid(), nullable=False),
        sa.Column("corrected_by_name", sa.Text(), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old", sa.Integer()),
        sa.Column("new", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_minutes_corrections"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_minutes_corrections_message_id_messages"
        ),
    )
    op.create_index(
        "ix_minutes_corrections_of_message", "minutes_corrections", ["message_id", "id"]
    )


def create_drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer()),
        sa.Column("seen_position", sa.BigInteger()),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sale_id", sa.Uuid()),
        sa.Column("follows", sa.BigInteger()),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
        sa.ForeignKeyConstraint(["number"], ["tickets.number"], name="fk_drafts_number_tickets"),
        sa.UniqueConstraint(
            "person_id",
            "number",
            name="uq_drafts_person_id",
            postgresql_nulls_not_distinct=True,
        ),
    )


def create_quick_replies() -> None:
    op.create_table(
        "quick_replies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=False),
        sa.Column("changed_by_name", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quick_replies"),
    )
    op.create_index(
        "uq_quick_replies_title", "quick_replies", [sa.text("lower(title)")], unique=True
    )


def create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("position", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column(
            "transaction",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
            nullable=False,
        ),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by_staff", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("visible_version", sa.Integer(), nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("position", name="pk_changes"),
    )
    op.create_index("ix_changes_transaction", "changes", ["transaction", "position"])
    # Whoever inserts, however: those who listen wake when the transaction commits.
    op.execute("""
        CREATE FUNCTION wake_listeners() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('changes', ''); RETURN NULL; END $$
    """)
    op.execute("""
        CREATE TRIGGER wake_listeners AFTER INSERT ON changes
        FOR EACH STATEMENT EXECUTE FUNCTION wake_listeners()
    """)
