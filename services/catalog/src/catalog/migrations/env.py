"""Run by Alembic."""

from catalog.models import Base
from chassis import migrations
from chassis.http import uploads

migrations.run(Base.metadata, uploads.Uploads.metadata)
