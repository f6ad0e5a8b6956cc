"""A database of the first release comes up to this one with all that people wrote."""

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from chassis import migrations, testing

PEOPLE = """
    INSERT INTO people (id, kind, first_name, last_name, email, version) VALUES
        ('00000000-0000-0000-0000-000000000001', 'customer', 'Nathalie', 'Rousseau', 'n@x.fr', 1);
    INSERT INTO owned_products (sale_id, customer_id, product_id, reference, designation,
        serial_number, sold_on, cancelled, version)
    SELECT id, id, id, 'HP-4103', 'Imprimante HP', 'PHBQ74K2M910XTD', '2026-01-01', false, 1
    FROM people;
"""
TICKET = """
    INSERT INTO tickets (id, customer_id, sale_id, product_id, reference, designation,
        serial_number, sold_on, subject, status, version, opened_at, waiting_since,
        last_visible_by, last_activity_at, last_author_name, last_text)
    SELECT :id, id, id, id, 'HP-4103', 'Imprimante HP', 'PHBQ74K2M910XTD', '2026-01-01',
        'Bourrage récurrent', :status, 3, now(), CASE WHEN :by = 'customer' THEN now() END,
        :by, now(), 'Quelqu’un', 'Un mot'
    FROM people
"""
MESSAGE = """
    INSERT INTO messages (id, ticket_id, kind, author_id, author_name, author_role, text, sent_at,
        status_after)
    VALUES (gen_random_uuid(), :id, :kind, gen_random_uuid(), :name, 'technician', :text, now(),
        'in_progress')
"""
DRAFTS = """
    INSERT INTO drafts (id, person_id, number, text, kind, seen_position, subject, saved_at)
    SELECT gen_random_uuid(), writers.id, tickets.number, 'Alors', 'reply', position, '', now()
    FROM tickets JOIN messages ON messages.ticket_id = tickets.id AND messages.text = 'Merci.'
        CROSS JOIN (SELECT id FROM people UNION SELECT gen_random_uuid()) AS writers
"""
ANSWERED, WAITING = (f"00000000-0000-0000-0000-00000000000{n}" for n in (2, 3))


@pytest.fixture(scope="module")
def connection():
    url = testing.fresh_database("test_tickets_migration")
    command.upgrade(migrations.config("tickets", url), "0001")
    engine = create_engine(url)
    with engine.begin() as old:
        old.execute(text(PEOPLE))
        for ticket, status, by in (
            (ANSWERED, "in_progress", "staff"),
            (WAITING, "open", "customer"),
        ):
            old.execute(text(TICKET), {"id": ticket, "status": status, "by": by})
        for kind, name, words in (
            ("customer", "Nathalie", "Elle s’arrête."),
            ("staff", "Julien", "Nettoyez le rouleau."),
            ("staff", "Karim", "Alors ?"),
            ("staff", "Julien", "Merci."),
        ):
            fields = {"id": ANSWERED, "kind": kind, "name": name, "text": words}
            old.execute(text(MESSAGE), fields)
    command.upgrade(migrations.config("tickets", url), "0009")
    with engine.begin() as old:
        old.execute(text("UPDATE messages SET kind = 'note' WHERE text = 'Alors ?'"))
        old.execute(text(DRAFTS))
    migrations.upgrade("tickets", url)
    migrations.check("tickets", url)
    with engine.begin() as connection:
        while connection.execute(text("SELECT reword_next(1)")).scalar_one() is not None:
            pass
        yield connection
    engine.dispose()


def test_requests_keep_their_versions_and_learn_who_answered(connection):
    rows = connection.execute(
        text("SELECT visible_version, unread, priority, answered_by FROM tickets ORDER BY number")
    ).all()
    assert [tuple(row) for row in rows] == [
        (3, False, 3, ["Julien", "Karim"]),
        (3, True, 3, []),
    ]


def test_what_was_written_before_is_found(connection):
    for words, found in (
        ("bourrages rouleau", 1),
        ("arreter", 1),
        ("recurrent", 4),
        ("hp4103", 4),
        ("zzz", 0),
    ):
        query = "SELECT count(*) FROM messages WHERE search @@ plainto_tsquery('requests', :words)"
        assert connection.execute(text(query), {"words": words}).scalar_one() == found, words
    stems = set(connection.execute(text("SELECT stem FROM stems")).scalars())
    assert {"bourrag", "rouleau", "arret"} <= stems


def test_a_draft_knows_the_place_of_what_its_writer_had_seen(connection):
    drafts = "SELECT seen_position FROM drafts LEFT JOIN people ON people.id = person_id"
    seen = connection.execute(text(f"{drafts} ORDER BY people.id")).scalars().all()
    assert seen == [3, 4]  # the customer's, who knows of no note; a colleague's


def test_every_message_knows_its_customer(connection):
    owners = connection.execute(text("SELECT DISTINCT customer_id FROM messages")).scalars()
    assert [str(owner) for owner in owners] == ["00000000-0000-0000-0000-000000000001"]


@pytest.mark.parametrize(
    ("written", "searchable"),
    [
        ("L’imprimante s’arrête !", "L imprimante s arrête  "),
        ("arrêtée ARRÊTÉES idées", "arrête  ARRÊTeS  ides "),
        ("dernière derniere DERNIÈRES", "dernier  dernier  DERNierS "),
        ("a\tb\nc\x02d", "a b cd"),
        ("e\u0301cran", "écran"),
        ("13.B2-D1/x_y", "13 B2 D1 x y"),
    ],
)
def test_a_text_is_made_of_words_and_blanks(connection, written, searchable):
    made = connection.execute(text("SELECT searchable(:text)"), {"text": written}).scalar_one()
    assert made == searchable
