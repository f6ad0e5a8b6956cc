"""The settings of tickets."""

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
        description="The maximum number of live streams (server-sent events) that one process keeps"
        " open; further ones get 503.",
    )
    stream_seconds: float = Field(
        300,
        gt=0,
        description="Seconds after which a live stream is closed and the browser opens a new one. It is"
        " closed earlier if its access token expires.",
    )
    tickets_an_hour: int = Field(
        60,
        ge=1,
        description="The maximum number of requests that one customer may open in an hour; further ones get 429.",
    )
    messages_an_hour: int = Field(
        120,
        ge=1,
        description="The maximum number of messages that one customer may write in an hour; further ones get 429.",
    )
    files_of_message: int = Field(
        10, ge=0, le=FILES_MOST, description="How many files one message may have. 0: no files."
    )
    file_megabytes: int = Field(
        25, ge=1, le=2000, description="The size of the largest file, in MiB."
    )
    files_an_hour: int = Field(
        120,
        ge=1,
        description="The maximum number of files that one customer may upload in an hour; further ones get"
        " 429.",
    )
    file_kinds: str = Field(
        ",".join(kinds.ENDINGS),
        description="The MIME types that are accepted, separated by commas; only those of the default are"
        " possible. A file's type is found from its content, not from its name.",
    )
    file_originals: bool = Field(
        True,
        description="Whether a picture is also stored unchanged, for staff only. The original may contain"
        " metadata such as the place; the pictures that are displayed never do.",
    )
    picture_megapixels: int = Field(
        64, ge=1, le=400, description="The size of the largest picture, in millions of pixels."
    )
    picture_megabytes: int = Field(
        768,
        ge=128,
        description="The maximum memory, in MiB, of the process that decodes one picture.",
    )
    pictures_at_once: int = Field(
        2, ge=1, le=16, description="How many files one process checks at the same time."
    )
    clamd: str = Field(
        "",
        pattern=r"^(\S+:[0-9]+)?$",
        description="The virus scanner (clamd) that checks each file before anybody can read it, as"
        " `host:port`. While it does not answer, files wait. Empty: files are not scanned.",
    )
    changes_poll_seconds: float = Field(
        5,
        gt=0,
        description="Seconds between two checks for changes when PostgreSQL sends no notification. A live"
        " update whose notification was lost arrives so much later at most.",
    )

    @field_validator("file_kinds")
    @classmethod
    def refuse_unknown_kinds(cls, given: str) -> str:
        listed = [kind.strip() for kind in given.split(",") if kind.strip()]
        if unknown := sorted(set(listed) - kinds.ENDINGS.keys()):
            raise ValueError(f"{', '.join(unknown)}: not among {', '.join(kinds.ENDINGS)}")
        return ",".join(listed)
