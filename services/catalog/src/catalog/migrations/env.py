"""Run by Alembic."""

from catalog.models import Base
from chassis import migrations

migrations.run(Base.metadata)
