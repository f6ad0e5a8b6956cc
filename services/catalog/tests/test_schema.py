"""The database as the migrations make it."""

from chassis import migrations


async def test_migrations_and_mapped_classes_agree(app):
    migrations.check("catalog", app.state.settings.database_url.get_secret_value())
