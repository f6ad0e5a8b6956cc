"""The settings of notifications."""

import functools
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from chassis.settings import CommonSettings, Pauses, ServiceSettings, read
from contracts.identity.emails import mail_form

SECRET_SHORTEST = 32
LONGEST_POLL = 60


def check_sender(text: str) -> str:
    """Require one address with a domain, which Message-IDs are made with, too."""
    _, address = parseaddr(text)
    name, _, domain = address.rpartition("@")
    if not text.isprintable() or not name or "." not in domain.strip("."):
        raise ValueError("write it as Name <name@example.org>")
    return text


class Queueing(CommonSettings):
    """Settings that decide whether an event leads to a mail, and when the mail is sent."""

    mail_gather_seconds: float = Field(
        120,
        ge=0,
        description="Seconds during which answers to one person about one request are collected into one"
        " mail. 0: one mail for each answer.",
    )
    mail_acknowledge: bool = Field(
        False,
        description="Whether customers who open a request get a mail that confirms it, unless they"
        " switched such mails off.",
    )
    mail_oldest_hours: float = Field(
        24,
        gt=0,
        description="Age in hours from which an event no longer leads to a mail, and for which a mail"
        " waits at most for an event that it needs. Mails not sent for this reason are listed under"
        " « E-mails non remis ».",
    )
    mail_keep_days: float = Field(
        90, ge=2, description="Days for which sent, failed and dropped mails stay in the database."
    )


class Settings(ServiceSettings, Queueing):
    service: str = "notifications"
    notifications_secret: SecretStr | None = Field(
        None,
        min_length=SECRET_SHORTEST,
        validate_default=True,
        description="The password with which this service authenticates to identity, at least 32"
        " characters; set the same value in both services. It also signs the unsubscribe links in"
        " mails: after a change, those in mails already sent stop working.",
    )
    smtp_host: str = Field(
        "", validate_default=True, description="The host name of the mail server (SMTP)."
    )
    smtp_port: int = Field(
        587,
        ge=1,
        le=65535,
        description="The port of the mail server: usually 587 with `starttls`, 465 with `tls`.",
    )
    smtp_tls: Literal["none", "starttls", "tls"] = Field(
        "starttls",
        description="How the connection is encrypted: `starttls`, `tls` (from the first byte) or"
        " `none`.",
    )
    smtp_user: str = Field(
        "", description="The account at the mail server. Empty: no authentication."
    )
    smtp_password: SecretStr = Field(SecretStr(""), description="The password of that account.")
    smtp_seconds: float = Field(
        30,
        gt=0,
        description="Timeout in seconds for sending one mail; it is tried again later.",
    )
    mail_sender: Annotated[str, AfterValidator(check_sender)] = Field(
        "Guichet <guichet@guichet.example>",
        description="The From header of all mails, such as `Guichet <guichet@example.org>`. Its domain"
        " must allow the mail server to send for it (SPF, DKIM).",
    )
    mail_with_text: bool = Field(
        False,
        description="Whether mails contain the text of an answer, or only say that there is one."
        " Internal notes are never in a mail.",
    )
    mail_workers: int = Field(
        2,
        ge=0,
        description="How many mails one process sends at the same time; 0: this process sends none.",
    )
    mail_per_minute: int = Field(
        60,
        ge=1,
        description="The most mails that are sent in a minute, by all processes together. Set it to"
        " what the mail server accepts.",
    )
    mail_retry_seconds: Pauses = Field(
        (60, 300, 900, 3600, 14400, 28800, 86400),
        description="Pauses, in seconds, before a mail that could not be sent is tried again. After the"
        " last one it has failed, and staff see it under « E-mails non remis ».",
    )
    mail_poll_seconds: float = Field(
        10,
        gt=0,
        le=LONGEST_POLL,
        description="Seconds between two checks of the queue while no mail is due. A mail queued by a"
        " process that sends none (`GUICHET_MAIL_WORKERS` 0) may wait so long.",
    )

    @field_validator("smtp_host", "notifications_secret")
    @classmethod
    def needed_for_mail(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("mail") and not value:
            raise ValueError("must be set when GUICHET_MAIL is true")
        return value

    @property
    def sender(self) -> Address:
        name, address = parseaddr(self.mail_sender)
        if not address.isascii():
            return Address(name, *mail_form(address))
        return Address(name, addr_spec=address)


@functools.cache
def queueing() -> Queueing:
    """Read once from the environment, because handlers get no settings passed."""
    return read(Queueing)
