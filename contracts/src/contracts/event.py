"""The envelope every published event shares: CloudEvents 1.0, structured JSON."""

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
    by_type: ClassVar[dict[str, type["Event"]]] = {}

    def __init_subclass__(
        cls, *, type: str, subject: str, personal: bool = False, **kwargs: Any
    ) -> None:
        """`type` is `context.past-fact.vN`; `subject` names the field with the aggregate's id.

        `personal`: it carries names or addresses; then it tells a whole state, which its owner can
        tell again from its own tables, and is kept nowhere longer than it takes to be stored.
        """
        super().__init_subclass__(**kwargs)
        cls.type, cls.subject_field, cls.personal = type, subject, personal
        if Event.by_type.setdefault(type, cls) is not cls:
            raise TypeError(f"two events claim the type {type}")

    @property
    def subject(self) -> str:
        """The id of the aggregate that the event tells of."""
        return str(getattr(self, self.subject_field))


class Envelope(BaseModel):
    """A CloudEvent. Its NATS subject is `type` + `.` + `subject`; its `Nats-Msg-Id` is `id`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID = Field(description="UUIDv7; the same event keeps its id however often it is sent.")
    source: str = Field(description="`/guichet/<context>`", examples=["/guichet/sales"])
    type: str = Field(examples=["sales.sale-recorded.v1"])
    subject: str = Field(description="The id of the aggregate that the event tells of.")
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    aggregateversion: int | None = Field(
        None, description="The version of the aggregate after this event; grows by one or more."
    )
    traceparent: str | None = Field(None, description="W3C Trace Context.")
    data: dict[str, Any]
