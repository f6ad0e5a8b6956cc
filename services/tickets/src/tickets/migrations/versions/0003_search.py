"""Every word counts in a search: those of what a request is about, small ones, joined ones.

What was written before keeps the words that it had: 0008 has it read again, bit by bit.
"""

import sqlalchemy as sa
from alembic import op

from chassis.text import folding

revision = "0003"
down_revision = "0002"

# What is no word, « - » apart; see 0002.
MARKS = "[!-,./:-@\\[-`{-\\u00bf\\u00d7\\u00f7\\u2000-\\u2bff\\u3000-\\u303f]"
ALL_MARKS = "[\\u0001-\\u001f!-/:-@\\[-`{-\\u00bf\\u00d7\\u00f7\\u2000-\\u2bff\\u3000-\\u303f]"
ENDINGS = (("[ée]e(s?)\\M", "e\\1 "), ("i[èe]re(s?)\\M", "ier\\1 "))

NEWEST = 5_000


def upgrade() -> None:
    """Both extensions are trusted: the owner of the database may create them."""
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public")
    op.execute(folding.function())
    create_every_word()
    create_searchable()
    create_request_words()
    create_request_query()
    create_message_words()
    index_tickets()


def create_every_word() -> None:
    """The same stems as `requests`, also of the small words that it leaves out."""
    op.execute(
        "CREATE TEXT SEARCH DICTIONARY public.every_stem (TEMPLATE = snowball, LANGUAGE = french)"
    )
    op.execute("CREATE TEXT SEARCH CONFIGURATION public.every_word (COPY = public.requests)")
    op.execute(
        "ALTER TEXT SEARCH CONFIGURATION public.every_word"
        " ALTER MAPPING REPLACE pg_catalog.french_stem WITH public.every_stem"
    )


def create_searchable() -> None:
    """As before, but signs that cannot be seen are not there."""
    said = f"regexp_replace(normalize($1, NFC), '[{folding.UNSEEN}]', '', 'g')"
    said = f"regexp_replace({said}, '{ALL_MARKS}', ' ', 'g')"
    for ending, other in ENDINGS:
        said = f"regexp_replace({said}, '{ending}', '{other}', 'gi')"
    op.execute(f"""
        CREATE OR REPLACE FUNCTION public.searchable(text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT {said} $$
    """)


def create_request_words() -> None:
    """The words of a text, and two and three neighbours as one: `wi`, `fi` and `wifi`.

    Neighbours are joined where only a separator stands between them; across a blank where one has
    a digit (`RTX 4070 Ti`) or both are very short (`wi fi`), or `everywhere`, as in names.
    """
    op.execute(f"""
        CREATE FUNCTION public.request_words(said text, everywhere boolean) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        WITH plain AS (SELECT regexp_replace(public.fold(said), '{MARKS}', ' ', 'g') AS words),
        parts AS (
            SELECT n, found[1] AS gap, found[2] AS part, lag(found[2]) OVER (ORDER BY n) AS before
            FROM plain, regexp_matches(words, '([ -]*)([^ -]+)', 'g') WITH ORDINALITY AS _ (found, n)
        ),
        links AS (
            SELECT n, part, before IS NOT NULL AND (everywhere OR gap = '-'
                OR before || part ~ '[0-9]' OR greatest(length(before), length(part)) < 3) AS linked
            FROM parts
        ),
        neighbours AS (
            SELECT n, part, lead(part) OVER way AS second, lead(part, 2) OVER way AS third,
                lead(linked) OVER way AS two, lead(linked, 2) OVER way AS three
            FROM links WINDOW way AS (ORDER BY n)
        ),
        joined AS (
            SELECT n, part, CASE WHEN two THEN part || second END AS pair,
                CASE WHEN two AND three THEN part || second || third END AS triple
            FROM neighbours
        )
        SELECT concat_ws(' ',
            (SELECT string_agg(concat_ws(' ', part, CASE WHEN length(pair) < 32 THEN pair END,
                CASE WHEN length(triple) < 32 THEN triple END), ' ' ORDER BY n) FROM joined),
            (SELECT string_agg(replace(chain[1], '-', ''), ' ')
                FROM plain, regexp_matches(words, '[^ -]+(?:-[^ -]+){{3,}}', 'g') AS _ (chain)
                WHERE length(chain[1]) < 48))
        $$
    """)  # noqa: S608 - the constants of this page


def create_request_query() -> None:
    """What the words of a search ask for, each group one word and what it makes with others.

    Small words are left out, unless there is no other. `unfinished` completes the last one.
    """
    op.execute("""
        CREATE FUNCTION public.request_query(groups text[], unfinished tsquery) RETURNS tsquery
        LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
        DECLARE
            config regconfig;
            word text;
            asked tsquery;
            every tsquery;
        BEGIN
            FOREACH config IN ARRAY ARRAY['public.requests', 'public.every_word']::regconfig[] LOOP
                FOR n IN 1 .. coalesce(cardinality(groups), 0) LOOP
                    word := split_part(groups[n], ' ', 1);
                    asked := plainto_tsquery(config, public.searchable(word));
                    CONTINUE WHEN numnode(asked) = 0;
                    FOREACH word IN ARRAY (string_to_array(groups[n], ' '))[2:] LOOP
                        asked := asked || plainto_tsquery('public.every_word', public.searchable(word));
                    END LOOP;
                    IF n = cardinality(groups) AND unfinished IS NOT NULL THEN
                        asked := asked || unfinished;
                    END IF;
                    every := coalesce(every && asked, asked);
                END LOOP;
                EXIT WHEN every IS NOT NULL;
            END LOOP;
            RETURN coalesce(every, ''::tsquery);
        END $$
    """)


def create_message_words() -> None:
    """All that finds a message: its text, what its request is about, whose it is, who answered."""
    op.execute("""
        CREATE FUNCTION message_words(of_ticket uuid, author_name text, said text) RETURNS tsvector
        LANGUAGE sql STABLE AS $$
        SELECT strip(to_tsvector('public.every_word', public.searchable(concat_ws(' ',
            public.request_words(said, false), public.request_words(subject, false),
            public.request_words(designation, true), public.request_words(reference, true),
            public.request_words(name, true), public.request_words(author_name, true),
            (SELECT string_agg(DISTINCT public.request_words(answers.author_name, true), ' ')
                FROM messages AS answers
                WHERE answers.ticket_id = of_ticket AND answers.kind = 'staff')))))
        FROM tickets JOIN people ON people.id = tickets.customer_id WHERE tickets.id = of_ticket
        $$
    """)
    # The name is held until the message is there: whoever changes it finds that message too.
    op.execute(f"""
        CREATE OR REPLACE FUNCTION index_message() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM FROM people WHERE id = NEW.customer_id FOR SHARE;
            NEW.search := message_words(NEW.ticket_id, NEW.author_name, NEW.text);
            INSERT INTO stems SELECT unnest(tsvector_to_array(NEW.search)) ON CONFLICT DO NOTHING;
            IF NEW.kind = 'staff' AND NOT EXISTS (SELECT FROM messages
                WHERE ticket_id = NEW.ticket_id AND kind = 'staff'
                    AND author_name = NEW.author_name) THEN
                UPDATE messages SET search = search || strip(to_tsvector('public.every_word',
                    public.searchable(public.request_words(NEW.author_name, true))))
                WHERE ticket_id = NEW.ticket_id AND position > (SELECT coalesce(max(position), 0)
                    FROM (SELECT position FROM messages WHERE ticket_id = NEW.ticket_id
                        ORDER BY position DESC OFFSET {NEWEST} LIMIT 1) AS older);
            END IF;
            RETURN NEW;
        END $$
    """)  # noqa: S608 - a constant of this page
    op.execute(f"""
        CREATE FUNCTION index_customer() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            WITH renamed AS (
                SELECT id, message_words(ticket_id, author_name, text) AS words
                FROM messages WHERE customer_id = NEW.id ORDER BY position DESC LIMIT {NEWEST}
            ), indexed AS (
                UPDATE messages SET search = words FROM renamed WHERE messages.id = renamed.id
            )
            INSERT INTO stems SELECT DISTINCT stem FROM renamed, unnest(tsvector_to_array(words)) AS stem
            ORDER BY stem ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$
    """)  # noqa: S608 - a constant of this page
    op.execute("""
        CREATE TRIGGER index_customer AFTER UPDATE ON people FOR EACH ROW
        WHEN (NEW.kind = 'customer' AND OLD.name IS DISTINCT FROM NEW.name)
        EXECUTE FUNCTION index_customer()
    """)


def index_tickets() -> None:
    """Parts of serial numbers, in windows like the words of messages; what a customer has open."""
    op.create_index(
        "ix_tickets_parts_of_serial_number",
        "tickets",
        [sa.text("(number >> 12)"), sa.text("(number >> 16)"), "serial_number"],
        postgresql_using="gin",
        postgresql_ops={"serial_number": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_tickets_unresolved_of_customer",
        "tickets",
        ["customer_id", "number"],
        postgresql_where="status <> 'resolved'",
    )
