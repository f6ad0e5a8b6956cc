"""How Alembic reaches the tickets database."""

from chassis.migrations import run
from tickets.models import Base

run(Base.metadata)
