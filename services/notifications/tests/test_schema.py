"""The database as migrated is the one that the mapped classes mean."""

from chassis import migrations, testing


def test_migrations_and_mapped_classes_agree():
    url = testing.fresh_database("test_notifications_schema")
    migrations.upgrade("notifications", url)
    migrations.check("notifications", url)
