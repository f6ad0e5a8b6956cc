"""Fields that several bodies share, and their limits."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from contracts.numbers import LONGEST_NUMBER

LONGEST_MINUTES = 24 * 60
FILES_MOST = 100  # of a message, whatever the setting

# A number of a request, as PostgreSQL can compare it.
TicketNumber = Annotated[int, Field(ge=0, lt=10**LONGEST_NUMBER)]
FileIds = Annotated[list[UUID], Field(max_length=FILES_MOST)]
Position = Annotated[int, Field(ge=0, lt=2**63)]
Minutes = Annotated[int, Field(ge=0, le=LONGEST_MINUTES, description="Time spent, in minutes.")]
