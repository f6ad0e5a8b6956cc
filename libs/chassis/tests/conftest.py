"""A database that holds the chassis' tables and nothing else."""

from collections.abc import AsyncGenerator

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

from chassis import migrations
from chassis.data.database import Database
from chassis.testing import fresh_database


@pytest.fixture
async def database() -> AsyncGenerator[Database]:
    url = fresh_database("test_chassis")
    engine = create_engine(url)
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        migrations.create_chassis_tables()
    engine.dispose()
    database = Database(url)
    yield database
    await database.close()
