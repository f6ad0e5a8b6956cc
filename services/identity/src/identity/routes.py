"""The identity HTTP API."""

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from chassis.auth import Caller, CurrentCaller, only
from chassis.database import Database, Transaction
from chassis.errors import Unauthenticated
from chassis.idempotency import Once
from contracts.identity import api
from contracts.identity.roles import STAFF, Role
from identity import models, tokens
from identity.operations import accounts, customers, sessions, staff
from identity.passwords import Passwords
from identity.queries import accounts as known_accounts
from identity.queries import customers as known_customers
from identity.settings import Settings
from identity.tokens import SigningKeys

router = APIRouter(prefix="/api/identity", tags=["identity"])

KEYS_KEPT_SECONDS = 300

Staff = Annotated[Caller, Depends(only(*STAFF))]
Administrator = Annotated[Caller, Depends(only(Role.ADMINISTRATOR))]
Customer = Annotated[Caller, Depends(only(Role.CUSTOMER))]
CustomerIds = Annotated[list[UUID], Query(alias="id", min_length=1, max_length=50)]

session_bearer = HTTPBearer(
    scheme_name="Session", auto_error=False, description="The token of an opened session."
)
SessionToken = Annotated[HTTPAuthorizationCredentials | None, Depends(session_bearer)]
UserAgent = Annotated[str, Header()]


def database_of(request: Request) -> Database:
    return request.app.state.database


def passwords_of(request: Request) -> Passwords:
    return request.app.state.passwords


def keys_of(request: Request) -> SigningKeys:
    return request.app.state.keys


def settings_of(request: Request) -> Settings:
    return request.app.state.settings


def browser_address(request: Request) -> str:
    """The network address of the browser, for slow-downs: web tells it, or else the gateway.

    One household or office has a /64 of IPv6: that counts as one.
    """
    for said in addresses_said(request):
        with suppress(ValueError):
            address = ipaddress.ip_address(said.strip())
            if isinstance(address, ipaddress.IPv6Address):
                address = address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False)
            return str(address)
    return "unknown"


def addresses_said(request: Request) -> Iterator[str]:
    if request.app.state.settings.browser_address_header:
        yield request.headers.get("X-Guichet-Browser-Address", "")
    yield ",".join(request.headers.getlist("X-Forwarded-For")).rpartition(",")[2]
    if request.client is not None:
        yield request.client.host


# What checks passwords takes these: it holds no connection while it does.
TheDatabase = Annotated[Database, Depends(database_of)]
ThePasswords = Annotated[Passwords, Depends(passwords_of)]
TheKeys = Annotated[SigningKeys, Depends(keys_of)]
TheSettings = Annotated[Settings, Depends(settings_of)]
BrowserAddress = Annotated[str, Depends(browser_address)]


# --- Sessions ---------------------------------------------------------------------------------


@router.post("/sessions", status_code=201)
async def sign_in(
    *,
    given: api.NewSession,
    database: TheDatabase,
    passwords: ThePasswords,
    settings: TheSettings,
    address: BrowserAddress,
    user_agent: UserAgent = "",
) -> api.OpenedSession:
    """Open a session; after some failures 429 `too_many_attempts`, longer and longer."""
    return await sessions.sign_in(
        database,
        passwords,
        given,
        address=address,
        user_agent=user_agent,
        lifetime=settings.session_lifetime,
    )


@router.post("/tokens")
async def exchange_token(
    token: SessionToken, session: Transaction, settings: TheSettings, keys: TheKeys
) -> api.AccessToken:
    """Exchange a session's token for one that every service accepts, for a minute."""
    if token is None:
        raise Unauthenticated("the token of a session is required")
    signer = await keys.current()
    account, opened = await sessions.go_on(session, token.credentials, settings.session_lifetime)
    return api.AccessToken(
        access_token=signer.access_token(account, opened.id), expires_in=tokens.ACCESS_SECONDS
    )


@router.get("/sessions")
async def my_sessions(caller: CurrentCaller, session: Transaction) -> api.Sessions:
    return api.Sessions(
        sessions=[
            api.Session(
                id=opened.id,
                opened_at=opened.opened_at,
                last_used_at=opened.last_used_at,
                user_agent=opened.user_agent,
                current=opened.id == caller.session_id,
            )
            for opened in await known_accounts.open_sessions(session, caller.id)
        ]
    )


@router.delete("/sessions/current", status_code=204)
async def sign_out(caller: CurrentCaller, session: Transaction) -> None:
    await sessions.close_session(session, caller, caller.session_id)


@router.delete("/sessions/{session_id}", status_code=204)
async def close_session(session_id: UUID, caller: CurrentCaller, session: Transaction) -> None:
    await sessions.close_session(session, caller, session_id)


@router.delete("/sessions")
async def close_other_sessions(caller: CurrentCaller, session: Transaction) -> api.Closed:
    """All but the one that asks."""
    return api.Closed(closed=await sessions.close_other_sessions(session, caller))


@router.get("/keys")
async def published_keys(keys: TheKeys, response: Response) -> api.Keys:
    """The public keys of tokens, as a JSON Web Key Set."""
    response.headers["Cache-Control"] = f"public, max-age={KEYS_KEPT_SECONDS}"
    return api.Keys(keys=[tokens.published(key) for key in await keys.read()])


# --- My account -------------------------------------------------------------------------------


@router.get("/me", response_model=api.Account)
async def my_account(caller: CurrentCaller, session: Transaction) -> models.Account:
    return await accounts.mine(session, caller)


@router.put("/me/password", status_code=204)
async def change_my_password(
    change: api.PasswordChange,
    caller: CurrentCaller,
    database: TheDatabase,
    passwords: ThePasswords,
    address: BrowserAddress,
) -> None:
    """The current password is asked; the other sessions end."""
    await accounts.change_password(database, passwords, caller, change, address=address)


@router.put("/me/email", response_model=api.Account)
async def change_my_email(
    change: api.EmailChange,
    caller: Customer,
    database: TheDatabase,
    passwords: ThePasswords,
    address: BrowserAddress,
) -> models.Account:
    """The current password is asked; customers only."""
    return await accounts.change_email(database, passwords, caller, change, address=address)


# --- Customers --------------------------------------------------------------------------------


@router.post("/customers", status_code=201, response_model=api.Customer)
async def register_customer(
    new: api.NewCustomer, _: Staff, passwords: ThePasswords, session: Transaction, once: Once
) -> models.Account:
    """Register a customer with the password that the customer has just chosen."""
    password_hash = await passwords.choose(
        new.password, field="password", owner=accounts.names_of(new)
    )
    if made := await once.made(new):
        return await known_accounts.customer(session, made)
    customer = await customers.register_customer(session, new, password_hash)
    await once.remember(customer.id)
    return customer


@router.post("/customers/search")
async def search_customers(
    wanted: api.CustomerSearch, _: Staff, session: Transaction
) -> api.Customers:
    """Up to two characters match beginnings of words, three or more any part."""
    return await known_customers.search_customers(session, wanted)


@router.post("/customers/email-check")
async def check_email(check: api.EmailCheck, _: Staff, session: Transaction) -> api.EmailChecked:
    return await customers.check_email(session, check.email)


@router.get("/customers")
async def customers_by_id(ids: CustomerIds, _: Staff, session: Transaction) -> api.Customers:
    """Those of them that exist, by name."""
    found = await known_accounts.customers(session, ids)
    return api.Customers(
        customers=[api.Customer.model_validate(customer) for customer in found], count=len(found)
    )


@router.get("/customers/{customer_id}", response_model=api.Customer)
async def customer(customer_id: UUID, _: Staff, session: Transaction) -> models.Account:
    return await known_accounts.customer(session, customer_id)


@router.patch("/customers/{customer_id}", response_model=api.Customer)
async def change_customer(
    customer_id: UUID, change: api.CustomerChange, _: Staff, session: Transaction
) -> models.Account:
    return await customers.change_customer(session, customer_id, change)


@router.put("/customers/{customer_id}/password", status_code=204)
async def reset_customer_password(
    customer_id: UUID,
    reset: api.PasswordReset,
    _: Staff,
    database: TheDatabase,
    passwords: ThePasswords,
) -> None:
    """A password that the customer has just chosen; the customer's sessions end."""
    await customers.reset_password(database, passwords, customer_id, reset.password)


# --- Staff ------------------------------------------------------------------------------------


@router.post("/staff", status_code=201)
async def register_staff_member(
    new: api.NewStaffMember,
    _: Administrator,
    passwords: ThePasswords,
    session: Transaction,
    once: Once,
) -> api.StaffMember:
    password_hash = await passwords.choose(
        new.password, field="password", owner=accounts.names_of(new)
    )
    made = await once.made(new)
    if made is None:
        made = (await staff.register_staff_member(session, new, password_hash)).id
        await once.remember(made)
    return await known_accounts.described_staff_member(session, made)


@router.get("/staff")
async def staff_members(_: Administrator, session: Transaction) -> api.StaffMembers:
    return api.StaffMembers(staff=await known_accounts.staff(session))


@router.patch("/staff/{member_id}")
async def change_staff_member(
    member_id: UUID, change: api.StaffMemberChange, _: Administrator, session: Transaction
) -> api.StaffMember:
    """Another role, or disabled: then the sessions end; 409 `last_administrator`."""
    await staff.change_staff_member(session, member_id, change)
    return await known_accounts.described_staff_member(session, member_id)
