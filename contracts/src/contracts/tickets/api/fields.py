"""Fields that several bodies share, and their limits."""

from typing import Annotated

from pydantic import Field

from contracts.numbers import LONGEST_NUMBER

LONGEST_MINUTES = 24 * 60

# A number of a request, as PostgreSQL can compare it.
TicketNumber = Annotated[int, Field(ge=0, lt=10**LONGEST_NUMBER)]
Position = Annotated[int, Field(ge=0, lt=2**63)]
Minutes = Annotated[int, Field(ge=0, le=LONGEST_MINUTES, description="Time spent, in minutes.")]
