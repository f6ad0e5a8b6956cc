"""How Alembic reaches the tickets database."""

from chassis import migrations
from chassis.http import uploads
from tickets.models import Base

migrations.run(Base.metadata, uploads.Uploads.metadata)
