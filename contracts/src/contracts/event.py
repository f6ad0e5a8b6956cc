"""The envelope every published event shares: CloudEvents 1.0, structured JSON."""

import hashlib
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Event(BaseModel):
    """What happened: the `data` of a CloudEvent.

    Unknown fields are ignored, so a producer may add optional fields without warning its
    consumers. Any other change needs a new type beside the old one (`….v2`).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    subject_field: ClassVar[str]
    personal: ClassVar[bool]
    fact: ClassVar[tuple[str, str] | None]
    by_type: ClassVar[dict[str, type["Event"]]] = {}

    def __init_subclass__(
        cls,
        *,
        type: str,
        subject: str,
        personal: bool = False,
        fact: tuple[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        """`type` is `context.past-fact.vN`; `subject` names the field with the aggregate's id.

        `personal`: it carries names or addresses. Such an event holds a whole state, which its owner
        can publish again from its tables, and is deleted from the outbox soon after it was stored.

        `fact`: the fields that hold the id and the time of something that happens once. The event's
        id is computed from both, so it is the same when it is published again from the tables.
        """
        super().__init_subclass__(**kwargs)
        cls.type, cls.subject_field, cls.personal, cls.fact = type, subject, personal, fact
        if Event.by_type.setdefault(type, cls) is not cls:
            raise TypeError(f"two events claim the type {type}")

    @property
    def subject(self) -> str:
        """The id of the aggregate that the event is about."""
        return str(getattr(self, self.subject_field))

    @property
    def fact_id(self) -> UUID | None:
        """The id of this event, if it is a fact."""
        if self.fact is None:
            return None
        what, when = (getattr(self, field) for field in self.fact)
        return uuid7_of(when, f"{self.type} {what}")


def uuid7_of(moment: datetime, what: str) -> UUID:
    """A UUIDv7 of this moment whose random bits are a hash of `what`: the same each time."""
    random_bits = int.from_bytes(hashlib.sha256(what.encode()).digest()[:10])
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(
        int=milliseconds << 80
        | 7 << 76
        | random_bits >> 68 << 64
        | 2 << 62
        | random_bits & (1 << 62) - 1
    )


class Envelope(BaseModel):
    """A CloudEvent. Its NATS subject is `type` + `.` + `subject`; its `Nats-Msg-Id` is `id`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID = Field(description="UUIDv7; the same event keeps its id however often it is sent.")
    source: str = Field(description="`/guichet/<context>`", examples=["/guichet/sales"])
    type: str = Field(examples=["sales.sale-recorded.v1"])
    subject: str = Field(description="The id of the aggregate that the event is about.")
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    aggregateversion: int | None = Field(
        None, description="The version of the aggregate after this event; grows by one or more."
    )
    traceparent: str | None = Field(None, description="W3C Trace Context.")
    data: dict[str, Any]
