"""What the tickets service reads from its environment."""

from pydantic import Field

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service: str = "tickets"
    streams: int = Field(500, ge=0, description="How many live streams one process holds at most.")
    stream_seconds: float = Field(
        300, gt=0, description="How long a stream lasts at most; it never outlives its token."
    )
    tickets_an_hour: int = Field(
        60, ge=1, description="How many requests one customer may open in an hour."
    )
    messages_an_hour: int = Field(
        120, ge=1, description="How many messages one customer may write in an hour."
    )
    changes_poll_seconds: float = Field(5, gt=0, description="How long a missed wake-up may cost.")
