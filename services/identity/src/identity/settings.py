"""The settings of identity."""

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from chassis.settings import ServiceSettings
from contracts.identity.roles import Role
from identity.models import Lifetime
from identity.tokens import read_private


class Settings(ServiceSettings):
    service: str = "identity"
    customer_session_hours: int = Field(
        24 * 14, ge=1, description="Hours without use after which a customer's session ends."
    )
    staff_session_hours: int = Field(
        12, ge=1, description="Hours without use after which a staff session ends."
    )
    customer_session_days: int = Field(
        90, ge=1, description="Days after which a customer's session ends, even if it is in use."
    )
    staff_session_days: int = Field(
        7, ge=1, description="Days after which a staff session ends, even if it is in use."
    )
    # argon2id; twice what OWASP asks for at least (46 MiB, one pass).
    password_memory_kib: int = Field(
        47_104,
        ge=8,
        description="Memory in KiB to hash one password with argon2id. More memory makes stolen hashes"
        " harder to attack. Passwords are hashed again at the next sign-in after a change.",
    )
    password_passes: int = Field(
        2,
        ge=1,
        description="Iterations to hash one password with argon2id. More iterations make each sign-in"
        " and each attack slower.",
    )
    password_queue: int = Field(
        20,
        ge=0,
        description="How many password checks may wait while others run; further sign-ins get 503 and"
        " may be tried again.",
    )
    links_an_hour: int = Field(
        5,
        ge=1,
        description="The most links of one kind (forgotten password, new address, invitation by staff)"
        " that are mailed to one person in an hour.",
    )
    house_words: str = Field(
        "",
        description="The shop's name and other words that are too easy to guess in a password,"
        " separated by blanks. Words of `GUICHET_PUBLIC_URL` always count as such.",
    )
    signing_key: SecretStr | None = Field(
        None,
        description="The Ed25519 private key, in PEM, that signs access tokens. Empty: identity makes"
        " one and stores it in its database. After a change, tokens signed with the previous"
        " key stay valid until they expire.",
    )
    notifications_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="The password with which the notifications service authenticates to identity, at"
        " least 32 characters; set the same value in both services. Empty: notifications cannot"
        " fetch links (forgotten password, invitation), so those mails are not sent.",
    )
    password_link_seconds: float = Field(
        0.3,
        ge=0,
        description="Seconds that every answer to « forgotten password » takes, so that its duration"
        " does not show whether the account exists. Raise it if the database needs longer to queue"
        " the mail.",
    )
    browser_address_header: bool = Field(
        True,
        description="Whether to trust the header X-Guichet-Browser-Address, which the gateway accepts"
        " on its internal entry point only. False where there is no such gateway: anybody"
        " could forge it.",
    )

    @field_validator("signing_key")
    @classmethod
    def is_ed25519(cls, pem: SecretStr | None) -> SecretStr | None:
        if pem is not None:
            try:
                read_private(pem.get_secret_value())
            except ValueError:
                raise ValueError("is no private key of Ed25519 in PEM") from None
        return pem

    @property
    def service_secrets(self) -> dict[str, str]:
        """The secret of each service that may get a token of its own."""
        secret = self.notifications_secret
        return {"notifications": secret.get_secret_value()} if secret else {}

    def session_lifetime(self, role: str) -> Lifetime:
        """How long a session of this role lives."""
        if role == Role.CUSTOMER:
            hours, days = self.customer_session_hours, self.customer_session_days
        else:
            hours, days = self.staff_session_hours, self.staff_session_days
        return Lifetime(unused=timedelta(hours=hours), most=timedelta(days=days))
