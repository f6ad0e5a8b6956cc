"""Who answered is read from the request, not from all of its messages, whenever one is written."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        CREATE OR REPLACE FUNCTION message_words(of_ticket uuid, author_name text, said text)
        RETURNS tsvector LANGUAGE sql STABLE AS $$
        SELECT strip(to_tsvector('public.every_word', public.searchable(concat_ws(' ',
            public.request_words(said, false), public.request_words(subject, false),
            public.request_words(designation, true), public.request_words(reference, true),
            public.request_words(name, true), public.request_words(author_name, true),
            (SELECT string_agg(public.request_words(answerer, true), ' ')
                FROM unnest(answered_by) AS answerer)))))
        FROM tickets JOIN people ON people.id = tickets.customer_id WHERE tickets.id = of_ticket
        $$
    """)
