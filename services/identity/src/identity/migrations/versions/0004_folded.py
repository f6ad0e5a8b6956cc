"""People found and sorted by the fold of all searches, whatever separates the parts of a name.

The table of accounts and its indexes are written anew, which holds up signing in and the search
of customers: some twenty seconds for 300,000 customers.
"""

from alembic import op

from chassis.migrations import create_fold

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_fold()
    # Names and the address each in one piece, so that any part is found, then word by word: « marie »
    # begins a word of « Jean-Marie », and « orange » one of « @orange.fr ». Blanks are around each.
    op.execute("""
        CREATE OR REPLACE FUNCTION searchable(last_name text, first_name text, email text)
        RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
            SELECT ' ' || translate(last, ' -', '') || ' ' || translate(first, ' -', '') || ' '
                || translate(address, ' -', '')
                || regexp_replace(' ' || last || ' ' || first || ' ' || address || ' ',
                    '[^[:alnum:]]+', ' ', 'g')
            FROM (SELECT public.fold(last_name), public.fold(first_name), public.fold(email))
                AS folded (last, first, address)
        $$
    """)
    op.execute("""
        ALTER TABLE accounts
            ALTER COLUMN name_key SET EXPRESSION AS (fold(last_name) || ' ' || fold(first_name)),
            ALTER COLUMN search_text SET EXPRESSION AS (searchable(last_name, first_name, email))
    """)
