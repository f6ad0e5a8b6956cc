"""What the identity service reads from its environment."""

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from chassis.settings import ServiceSettings
from contracts.identity.roles import Role
from identity.models import Lifetime
from identity.tokens import read_private


class Settings(ServiceSettings):
    service: str = "identity"
    customer_session_hours: int = Field(
        24 * 14, ge=1, description="A customer's session ends when it was not used for so long."
    )
    staff_session_hours: int = Field(12, ge=1, description="The same, for staff.")
    customer_session_days: int = Field(
        90, ge=1, description="A customer's session ends after so long, however much it is used."
    )
    staff_session_days: int = Field(7, ge=1, description="The same, for staff.")
    # argon2id; twice what OWASP asks for at least (46 MiB, one pass).
    password_memory_kib: int = Field(47_104, ge=8, description="Memory of one argon2id, in KiB.")
    password_passes: int = Field(2, ge=1, description="Passes of one argon2id.")
    password_queue: int = Field(
        20, ge=0, description="How many may wait for a password check; the next ones are refused."
    )
    links_an_hour: int = Field(
        5,
        ge=1,
        description="How many links of one kind are mailed to one person in an hour: for a"
        " forgotten password, for a new address, by staff.",
    )
    house_words: str = Field(
        "",
        description="The shop's name and other words of the house, parted by blanks: no password"
        " may be made of them, nor of the address where browsers find Guichet.",
    )
    signing_key: SecretStr | None = Field(
        None,
        description="The Ed25519 private key, in PEM, that signs tokens. Without: one that identity"
        " makes in its database. After a change the key before stays good for what it signed.",
    )
    notifications_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="What the notifications service shows for a token of its own; both know it."
        " Without: it gets none, and no link can be mailed.",
    )
    password_link_seconds: float = Field(
        0.3,
        ge=0,
        description="How long the answer to a forgotten password takes, whether or not the"
        " address has an account.",
    )
    browser_address_header: bool = Field(
        True,
        description="Whether to trust X-Guichet-Browser-Address, which the gateway lets pass on"
        " its internal entry point only. Without such a gateway: false.",
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
        """What each service that may have a token of its own proves itself with."""
        secret = self.notifications_secret
        return {"notifications": secret.get_secret_value()} if secret else {}

    def session_lifetime(self, role: str) -> Lifetime:
        """How long a session of this role lives."""
        if role == Role.CUSTOMER:
            hours, days = self.customer_session_hours, self.customer_session_days
        else:
            hours, days = self.staff_session_hours, self.staff_session_days
        return Lifetime(unused=timedelta(hours=hours), most=timedelta(days=days))
