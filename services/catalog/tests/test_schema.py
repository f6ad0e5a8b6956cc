"""The database as the migrations make it."""

from alembic import command
from sqlalchemy import create_engine, text

from chassis import migrations, testing


async def test_migrations_and_mapped_classes_agree(app):
    migrations.check("catalog", app.state.settings.database_url.get_secret_value())


def test_products_of_the_first_release_are_folded_again():
    url = testing.fresh_database("test_catalog_migration")
    command.upgrade(migrations.config("catalog", url), "0001")
    engine = create_engine(url)
    with engine.begin() as old:
        old.execute(
            text(
                "INSERT INTO products (id, reference, designation, on_sale, version)"
                " VALUES (gen_random_uuid(), 'NF-A12', 'Ventilateur d’été', true, 1)"
            )
        )
    migrations.upgrade("catalog", url)
    with engine.begin() as new:
        assert new.scalar(text("SELECT searched FROM products")) == "nf-a12\nventilateur d-ete"
        new.execute(text("SELECT settle_products()"))
    engine.dispose()
