"""What the tickets service reads from its environment."""

from pydantic import Field, field_validator

from chassis.files import kinds
from chassis.files.store import StoreSettings
from chassis.settings import ServiceSettings
from contracts.tickets.api import FILES_MOST


class Settings(StoreSettings, ServiceSettings):
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
    files_of_message: int = Field(
        10, ge=0, le=FILES_MOST, description="The most files of one message. 0: no files."
    )
    file_megabytes: int = Field(
        25, ge=1, le=2000, description="The size of the largest file, in MiB."
    )
    files_an_hour: int = Field(
        120,
        ge=1,
        description="The most files that one customer may begin in an hour; further ones get 429.",
    )
    file_kinds: str = Field(
        ",".join(kinds.ENDINGS),
        description="The MIME types that are accepted, by the content of a file, separated by commas:"
        " some of the default.",
    )
    file_originals: bool = Field(
        True,
        description="Whether a picture is also stored as it was sent, for staff: with what a camera"
        " writes into it, such as the place. What is shown never has that.",
    )
    picture_megapixels: int = Field(
        64, ge=1, le=400, description="The size of the largest picture, in millions of pixels."
    )
    picture_megabytes: int = Field(
        768,
        ge=128,
        description="The memory, in MiB, that the process may take that decodes one picture.",
    )
    pictures_at_once: int = Field(
        2, ge=1, le=16, description="How many files one process checks at the same time."
    )
    clamd: str = Field(
        "",
        pattern=r"^(\S+:[0-9]+)?$",
        description="The virus scanner `clamd`, as `host:port`: it looks at each file before anybody"
        " can read it, and files wait while it does not answer. Empty: no scanner.",
    )
    changes_poll_seconds: float = Field(
        5,
        gt=0,
        description="Seconds between two looks for changes without a notification from PostgreSQL: the"
        " longest delay of a live update whose notification was lost.",
    )

    @field_validator("file_kinds")
    @classmethod
    def refuse_unknown_kinds(cls, given: str) -> str:
        listed = [kind.strip() for kind in given.split(",") if kind.strip()]
        if unknown := sorted(set(listed) - kinds.ENDINGS.keys()):
            raise ValueError(f"{', '.join(unknown)}: not among {', '.join(kinds.ENDINGS)}")
        return ",".join(listed)
