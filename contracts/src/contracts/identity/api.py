"""Bodies of the identity HTTP API."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints
from pydantic_core import PydanticCustomError

from contracts.identity.emails import read_email
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from contracts.paging import CURSOR_LENGTH, PAGE, PAGE_MOST
from contracts.text import EMAIL_LENGTH, Answer, Body, PersonName, SearchText, Storable, limit

PASSWORD_SHORTEST = 12
PASSWORD_LONGEST = 256
BROWSER_LENGTH = 1_000
INVITATION_HOURS = 24  # for so long its link opens, as does one that confirms an address
SEARCH_SHORTEST = 2  # characters of a text that is searched among customers
INSIDE_SHORTEST = 3  # characters of a word found inside others; a shorter one begins them


class StaffRole(StrEnum):
    SELLER = "seller"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"


def check_password_length(text: str) -> str:
    if len(text) < PASSWORD_SHORTEST:
        raise PydanticCustomError(
            "password_too_short",
            "at least {shortest} characters, {length} were given",
            {"shortest": PASSWORD_SHORTEST, "length": len(text)},
        )
    if len(text) > PASSWORD_LONGEST:
        raise PydanticCustomError(
            "password_too_long", "at most {longest} characters", {"longest": PASSWORD_LONGEST}
        )
    return text


# ISO 639: as in `translations/<tag>.po`. Which there are is each part's own matter.
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]

Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    Storable,
    limit(EMAIL_LENGTH),
    AfterValidator(read_email),
]
# Secrets stay readable as `str`, and out of every repr: fields are declared with repr=False.
NewPassword = Annotated[str, Storable, AfterValidator(check_password_length)]
GivenPassword = Annotated[str, Storable, limit(PASSWORD_LONGEST)]
GivenEmail = Annotated[str, StringConstraints(strip_whitespace=True), Storable, limit(EMAIL_LENGTH)]


# --- Signing in -------------------------------------------------------------------------------


class NewSession(Body):
    """Any text is taken as an address here: a malformed one is simply unknown."""

    email: GivenEmail
    password: GivenPassword = Field(repr=False)
    browser: Annotated[str, Storable, limit(BROWSER_LENGTH)] = Field(
        "", repr=False, description="The value that this browser got at an earlier sign-in."
    )


class Account(Answer):
    """An account that can sign in."""

    id: UUID
    role: Role
    first_name: str
    last_name: str
    email: str
    enabled: bool
    registered_at: AwareDatetime
    pending_email: str | None = Field(
        None, description="A new address that takes effect once the link sent to it is opened."
    )
    language: str | None = Field(
        None, description="Of pages and mails, such as `fr` or `en`; null where none was chosen."
    )


class OpenedSession(Answer):
    token: str = Field(repr=False, description="The session's secret: shown once, stored hashed.")
    expires_at: AwareDatetime
    account: Account
    browser: str = Field(
        "",
        repr=False,
        description="For this browser to keep: nobody else's failures slow it down from now on.",
    )


class AccessToken(Answer):
    """A JWT signed with Ed25519, for every service, for 60 seconds."""

    access_token: str = Field(repr=False)
    token_type: str = "Bearer"  # noqa: S105 - a scheme, not a secret
    expires_in: int = Field(description="Seconds.")


class Session(Answer):
    id: UUID
    opened_at: AwareDatetime
    last_used_at: AwareDatetime
    user_agent: str
    current: bool


class Sessions(Answer):
    sessions: list[Session]


class Closed(Answer):
    closed: int


# --- My account -------------------------------------------------------------------------------


class PasswordChange(Body):
    current_password: GivenPassword = Field(repr=False)
    new_password: NewPassword = Field(repr=False)


class EmailChange(Body):
    current_password: GivenPassword = Field(repr=False)
    email: Email


class LanguageChange(Body):
    """A language that there are no sentences for is shown as if none was chosen."""

    language: LanguageTag | None = Field(description="Null: that of the installation.")


# --- Customers --------------------------------------------------------------------------------


class NewCustomer(Body):
    """Without a password the customer is sent a link to choose one, where mail can be sent."""

    first_name: PersonName
    last_name: PersonName
    email: Email
    password: NewPassword | None = Field(None, repr=False)


class Customer(Answer):
    id: UUID
    first_name: str
    last_name: str
    email: str
    enabled: bool
    registered_at: AwareDatetime
    version: int
    has_password: bool = Field(True, description="False until an invitation was followed.")


class CustomerSearch(Body):
    text: SearchText = ""
    limit: int = Field(PAGE, ge=1, le=PAGE_MOST)
    after: str | None = Field(None, max_length=CURSOR_LENGTH)


class Customers(Answer):
    """Best matches first for a text, by name without one."""

    customers: list[Customer]
    count: int = Field(description="Matches; exact to 1,000, never above 1,001.")
    next: str | None = None


class EmailCheck(Body):
    email: Email


class EmailChecked(Answer):
    """Whether an account exists, for staff; and the customer if it is one."""

    taken: bool
    customer: Customer | None = None
    suggestion: str | None = Field(None, description="Another spelling, if this looks like a slip.")


class CustomerChange(Body):
    first_name: PersonName | None = None
    last_name: PersonName | None = None
    email: Email | None = None


class PasswordReset(Body):
    """A password that the customer chose at the counter."""

    password: NewPassword = Field(repr=False)


# --- Staff ------------------------------------------------------------------------------------


class NewStaffMember(Body):
    """Without a password they are sent a link to choose one, where mail can be sent."""

    first_name: PersonName
    last_name: PersonName
    email: Email
    role: StaffRole
    password: NewPassword | None = Field(None, repr=False)


class StaffMember(Answer):
    id: UUID
    first_name: str
    last_name: str
    email: str
    role: StaffRole
    enabled: bool
    registered_at: AwareDatetime
    last_used_at: AwareDatetime | None = None
    has_password: bool = Field(True, description="False until an invitation was followed.")


class StaffMembers(Answer):
    staff: list[StaffMember]


class StaffMemberChange(Body):
    role: StaffRole | None = None
    enabled: bool | None = None


# --- Links sent by mail -------------------------------------------------------------------------


class ForgottenPassword(Body):
    """Any text is accepted as an address, so that the answer does not show which ones exist."""

    email: GivenEmail


class RequestedLink(Answer):
    id: UUID
    purpose: Purpose
    expires_at: AwareDatetime


class LinkSecret(Answer):
    """For the mail that is being written; identity keeps only the secret's hash."""

    secret: str = Field(repr=False, description="Empty where the address is taken.")
    purpose: Purpose
    email: str = Field(description="Where the mail goes.")
    first_name: str
    last_name: str
    expires_at: AwareDatetime
    taken: bool = Field(
        False, description="Another account has the address: the names are its holder's."
    )
    new_email: str | None = Field(
        None, description="The address that is asked for, which this secret keeps from counting."
    )


class GivenLink(Body):
    secret: Annotated[str, Storable, limit(200)] = Field(repr=False)


class Link(Answer):
    """What a link that can still be used is for."""

    purpose: Purpose
    first_name: str
    last_name: str
    email: str = Field(description="With which the person signs in once the link is used.")
    role: Role
    expires_at: AwareDatetime
    refuses: bool = Field(False, description="Using it ends the change to this address.")


class LinkUse(GivenLink):
    """With a password, unless the purpose is `email`."""

    password: NewPassword | None = Field(None, repr=False)


class UsedLink(Answer):
    purpose: Purpose
    email: str
    refused: bool = Field(False, description="The address stays the one it was.")


# --- Services -----------------------------------------------------------------------------------


class ServiceSecret(Body):
    """A service's name and secret, exchanged for a token of its own."""

    service: Annotated[str, Storable, limit(50)]
    secret: Annotated[str, Storable, limit(200)] = Field(repr=False)


class Key(Answer):
    """A public signing key, as RFC 8037 writes it."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    use: str = "sig"
    alg: str = "EdDSA"
    kid: str
    x: str


class Keys(Answer):
    keys: list[Key]
    now: AwareDatetime | None = Field(
        None, description="Identity's time: tokens end by it, whatever the reader's clock says."
    )
