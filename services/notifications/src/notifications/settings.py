"""What the notifications service reads from its environment."""

import functools
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from chassis.settings import CommonSettings, Pauses, ServiceSettings, read
from contracts.identity.emails import mail_form

SECRET_SHORTEST = 32


def check_sender(text: str) -> str:
    """One address with a domain: it makes the ids of our mails, too."""
    _, address = parseaddr(text)
    name, _, domain = address.rpartition("@")
    if not text.isprintable() or not name or "." not in domain.strip("."):
        raise ValueError("write it as Name <name@example.org>")
    return text


class Queueing(CommonSettings):
    """What decides, when an event comes, whether and when a mail goes."""

    mail_gather_seconds: float = Field(
        120,
        ge=0,
        description="Answers to one person on one request within this time are one mail.",
    )
    mail_acknowledge: bool = Field(
        False,
        description="Whether whoever opens a request is told by mail that it has arrived, unless"
        " they do not want to.",
    )
    mail_oldest_hours: float = Field(
        24,
        gt=0,
        description="What happened longer ago is told to nobody by mail, and what a mail still"
        " lacks after that time is not waited for any more.",
    )
    mail_keep_days: float = Field(
        90, ge=2, description="For how long is kept what became of a mail."
    )


class Settings(ServiceSettings, Queueing):
    service: str = "notifications"
    notifications_secret: SecretStr | None = Field(
        None,
        min_length=SECRET_SHORTEST,
        validate_default=True,
        description="At least 32 characters, the same in identity: by it this service proves"
        " itself, and it signs the links that end a subscription.",
    )
    smtp_host: str = Field("", validate_default=True, description="The mail server.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_tls: Literal["none", "starttls", "tls"] = Field(
        "starttls", description="How the way to it is kept secret: `none`, `starttls` or `tls`."
    )
    smtp_user: str = Field("", description="The account there; empty: none is needed.")
    smtp_password: SecretStr = Field(SecretStr(""), description="That account's password.")
    smtp_seconds: float = Field(
        30, gt=0, description="How long one mail may take to be handed over."
    )
    mail_sender: Annotated[str, AfterValidator(check_sender)] = Field(
        "Guichet <guichet@guichet.example>", description="In whose name mail is sent."
    )
    mail_with_text: bool = Field(
        False, description="Whether mail tells the words of an answer; a note never is in any."
    )
    mail_workers: int = Field(2, ge=0, description="How many mails one process sends at once.")
    mail_per_minute: int = Field(
        60, ge=1, description="How many mails are tried in a minute, by all processes together."
    )
    mail_retry_seconds: Pauses = Field(
        (60, 300, 900, 3600, 14400, 28800, 86400),
        description="Pauses before a mail that could not be handed over is tried again.",
    )
    mail_poll_seconds: float = Field(
        1, gt=0, description="How often a worker without work looks for some."
    )

    @field_validator("smtp_host", "notifications_secret")
    @classmethod
    def needed_for_mail(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("mail") and not value:
            raise ValueError("needed where GUICHET_MAIL is true")
        return value

    @property
    def sender(self) -> Address:
        name, address = parseaddr(self.mail_sender)
        if not address.isascii():
            return Address(name, *mail_form(address))
        return Address(name, addr_spec=address)


@functools.cache
def queueing() -> Queueing:
    """From the environment: a handler is given an event and nothing else."""
    return read(Queueing)
