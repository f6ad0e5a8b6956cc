"""Run by Alembic."""

from chassis import migrations
from sales.models import Base

migrations.run(Base.metadata)
