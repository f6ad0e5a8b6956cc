"""Run by Alembic."""

from chassis import migrations
from notifications.models import Base

migrations.run(Base.metadata)
