"""Words are indexed by statements planned once a connection; searches read no long list of new ones.

A function in SQL is planned whenever it is called, which took most of the time of each message. And
words wait in a list, up to 4 MB by default, until they enter their index: each search reads it.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

FUNCTIONS = {
    "request_words": "public.request_words(said text, everywhere boolean) RETURNS text"
    " LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE",
    "message_words": "message_words(of_ticket uuid, author_name text, said text) RETURNS tsvector"
    " LANGUAGE plpgsql STABLE",
}
INDEXES = ("ix_messages_search", "ix_tickets_parts_of_serial_number")


def upgrade() -> None:
    for name, head in FUNCTIONS.items():
        plan_once(name, head)
    for index in INDEXES:
        op.execute(f"ALTER INDEX {index} SET (gin_pending_list_limit = 64)")
        op.execute(f"SELECT gin_clean_pending_list('{index}')")


def plan_once(name: str, head: str) -> None:
    """The same function with the same statement, in another language."""
    op.execute(f"""
        DO $do$ BEGIN EXECUTE (
            SELECT 'CREATE OR REPLACE FUNCTION {head} AS $of$
                #variable_conflict use_column
                BEGIN RETURN (' || prosrc || '); END $of$'
            FROM pg_proc WHERE proname = '{name}'
        ); END $do$
    """)  # noqa: S608 - the constants of this page
