"""The database as migrated is the one that the mapped classes mean."""

from chassis import migrations, testing


def test_migrations_and_mapped_classes_agree():
    url = testing.migrated_database("notifications", "test_notifications_schema")
    migrations.check("notifications", url)
