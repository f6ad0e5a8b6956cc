"""What the tickets service reads from its environment."""

from pydantic import Field

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service: str = "tickets"
    streams: int = Field(
        500,
        ge=0,
        description="The most live streams (server-sent events) that one process holds open; further"
        " ones get 503.",
    )
    stream_seconds: float = Field(
        300,
        gt=0,
        description="Seconds after which a live stream is closed and the browser opens a new one; it"
        " also ends with its token.",
    )
    tickets_an_hour: int = Field(
        60,
        ge=1,
        description="The most requests that one customer may open in an hour; further ones get 429.",
    )
    messages_an_hour: int = Field(
        120,
        ge=1,
        description="The most messages that one customer may write in an hour; further ones get 429.",
    )
    changes_poll_seconds: float = Field(
        5,
        gt=0,
        description="Seconds between two looks for changes without a notification from PostgreSQL: the"
        " longest delay of a live update whose notification was lost.",
    )
