"""Words of many messages are read again in small pieces, while everybody works."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

AT_ONCE = 100  # with the change of a name; about a second


def upgrade() -> None:
    op.create_table(
        "stale_words",
        sa.Column("customer_id", sa.Uuid(), sa.ForeignKey("people.id"), nullable=False),
        sa.Column("below", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_stale_words"),
    )
    # Of all messages: those with notes are read again by their customer too.
    op.drop_index("ix_messages_of_customer", "messages")
    op.create_index("ix_messages_of_customer", "messages", ["customer_id", "position"])
    create_reword_customer()
    create_reword_next()
    index_customers()
    op.execute("""
        INSERT INTO stale_words SELECT customer_id, max(position) + 1 FROM messages
        GROUP BY customer_id
    """)


def create_reword_customer() -> None:
    """The newest messages of those that are stale; how many they were.

    Whoever calls it holds the customer's row, so that nobody writes a message meanwhile.
    """
    op.execute("""
        CREATE FUNCTION reword_customer(whose uuid, most integer) RETURNS integer
        LANGUAGE plpgsql AS $$
        DECLARE
            done integer;
            lowest bigint;
        BEGIN
            WITH renamed AS (
                SELECT id, position, message_words(ticket_id, author_name, text) AS words
                FROM messages WHERE customer_id = whose
                    AND position < (SELECT below FROM stale_words WHERE customer_id = whose)
                ORDER BY position DESC LIMIT most
            ), indexed AS (
                UPDATE messages SET search = words FROM renamed WHERE messages.id = renamed.id
            ), known AS (
                INSERT INTO stems
                SELECT DISTINCT stem FROM renamed, unnest(tsvector_to_array(words)) AS stem
                ORDER BY stem ON CONFLICT DO NOTHING
            )
            SELECT count(*), min(position) INTO done, lowest FROM renamed;
            IF done < most THEN
                DELETE FROM stale_words WHERE customer_id = whose;
            ELSE
                UPDATE stale_words SET below = lowest WHERE customer_id = whose;
            END IF;
            RETURN done;
        END $$
    """)


def create_reword_next() -> None:
    """Some messages of a customer whom nobody else is at; nothing where there is none."""
    op.execute("""
        CREATE FUNCTION reword_next(most integer) RETURNS integer LANGUAGE plpgsql AS $$
        DECLARE
            whose uuid;
        BEGIN
            SELECT people.id INTO whose FROM stale_words JOIN people ON people.id = customer_id
            LIMIT 1 FOR NO KEY UPDATE OF people SKIP LOCKED;
            RETURN CASE WHEN whose IS NOT NULL THEN reword_customer(whose, most) END;
        END $$
    """)


def index_customers() -> None:
    op.execute(f"""
        CREATE OR REPLACE FUNCTION index_customer() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO stale_words VALUES (NEW.id, {2**63 - 1})
            ON CONFLICT (customer_id) DO UPDATE SET below = EXCLUDED.below;
            PERFORM reword_customer(NEW.id, {AT_ONCE});
            RETURN NULL;
        END $$
    """)  # noqa: S608 - constants
