"""Run by Alembic."""

from catalog.models import Base
from chassis import migrations, uploads

migrations.run(Base.metadata, uploads.Uploads.metadata)
