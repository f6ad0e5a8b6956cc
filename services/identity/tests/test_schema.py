"""The database is what the mapped classes say, and what its functions promise."""

from alembic import command
from sqlalchemy import create_engine, text

from chassis import migrations, testing


def test_migrations_and_mapped_classes_agree(app):
    url = app.state.settings.database_url.get_secret_value()
    migrations.check("identity", url)


async def test_every_word_of_a_customer_stands_between_blanks(session):
    statement = text("SELECT searchable('D’Almeida', 'Anne-Lou', 'al_da@x.example')")
    assert await session.scalar(statement) == (
        " dalmeida annelou al_da@xexample d almeida anne lou al da x example "
    )


def test_people_of_an_older_release_are_folded_again():
    url = testing.fresh_database("test_identity_migration")
    command.upgrade(migrations.config("identity", url), "0003")
    engine = create_engine(url)
    with engine.begin() as old:
        old.execute(
            text(
                "INSERT INTO accounts (id, role, first_name, last_name, email, email_key, enabled,"
                " registered_at, version) VALUES (gen_random_uuid(), 'customer', 'Aïssa',"
                " 'N’Diaye', 'a@x.example', 'a@x.example', true, now(), 1)"
            )
        )
    migrations.upgrade("identity", url)
    with engine.begin() as new:
        row = new.execute(text("SELECT name_key, search_text FROM accounts")).one()
    assert tuple(row) == ("n-diaye aissa", " ndiaye aissa a@xexample n diaye aissa a x example ")
    engine.dispose()
