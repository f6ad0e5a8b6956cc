"""How Alembic reaches the identity database."""

from chassis.migrations import run
from identity.models import Base

run(Base.metadata)
