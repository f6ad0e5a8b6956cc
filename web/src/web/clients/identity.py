"""Calls to identity: sessions, my account, customers."""

from collections.abc import Iterable
from uuid import UUID

from contracts.identity.api import (
    AccessToken,
    Account,
    Closed,
    Customer,
    Customers,
    EmailChecked,
    Link,
    OpenedSession,
    RequestedLink,
    Sessions,
    StaffMember,
    StaffMembers,
    UsedLink,
)
from web.clients.gateway import Gateway

# --- Sessions ---------------------------------------------------------------------------------


async def open_session(
    gateway: Gateway, *, email: str, password: str, browser: str
) -> OpenedSession:
    body = {"email": email, "password": password, "browser": browser}
    return await gateway.send("POST", "/api/identity/sessions", body, OpenedSession)


async def access_token(gateway: Gateway, session_token: str) -> AccessToken:
    """Exchange the session's secret for an access token; 401 once it is closed."""
    return await gateway.on_behalf(session_token).send(
        "POST", "/api/identity/tokens", None, AccessToken
    )


async def sessions(gateway: Gateway) -> Sessions:
    return await gateway.get("/api/identity/sessions", Sessions)


async def check_session(gateway: Gateway) -> None:
    """401 unless the session is still open; its access token may outlive it by a minute."""
    await gateway.call("GET", "/api/identity/sessions/current")


async def close_session(gateway: Gateway, session_id: UUID) -> None:
    await gateway.call("DELETE", f"/api/identity/sessions/{session_id}")


async def close_other_sessions(gateway: Gateway) -> Closed:
    return await gateway.send("DELETE", "/api/identity/sessions", None, Closed)


# --- My account -------------------------------------------------------------------------------


async def my_account(gateway: Gateway) -> Account:
    return await gateway.get("/api/identity/me", Account)


async def change_password(gateway: Gateway, *, current_password: str, new_password: str) -> None:
    body = {"current_password": current_password, "new_password": new_password}
    await gateway.call("PUT", "/api/identity/me/password", body)


async def choose_language(gateway: Gateway, language: str) -> None:
    """Of pages and mails; of pages from the next access token on."""
    await gateway.call("PUT", "/api/identity/me/language", {"language": language})


async def change_email(gateway: Gateway, *, current_password: str, email: str) -> Account:
    """If mail can be sent, the new address is used only once it is confirmed."""
    body = {"current_password": current_password, "email": email}
    return await gateway.send("PUT", "/api/identity/me/email", body, Account)


async def give_up_email(gateway: Gateway) -> None:
    """Cancel the change of address."""
    await gateway.call("DELETE", "/api/identity/me/email/pending")


# --- Links sent by mail -----------------------------------------------------------------------


async def ask_password_link(gateway: Gateway, *, email: str) -> None:
    """Mail a link to this address. The answer is the same if no account has it."""
    await gateway.call("POST", "/api/identity/password-links", {"email": email})


async def read_link(gateway: Gateway, secret: str) -> Link:
    return await gateway.send("POST", "/api/identity/links/read", {"secret": secret}, Link)


async def use_link(gateway: Gateway, secret: str, *, password: str | None) -> UsedLink:
    body = {"secret": secret, "password": password}
    return await gateway.send("POST", "/api/identity/links/use", body, UsedLink)


# --- Customers, for staff ---------------------------------------------------------------------


async def register_customer(gateway: Gateway, new: dict[str, str], *, key: str) -> Customer:
    """`new` has the fields of `NewCustomer`. Without a password the customer gets a link by mail."""
    return await gateway.send("POST", "/api/identity/customers", new, Customer, key=key)


async def invite_customer(gateway: Gateway, customer_id: UUID, *, key: str) -> RequestedLink:
    """Send a link to choose a password, valid for a day; it replaces earlier ones."""
    path = f"/api/identity/customers/{customer_id}/links"
    return await gateway.send("POST", path, None, RequestedLink, key=key)


async def customer(gateway: Gateway, customer_id: UUID) -> Customer:
    return await gateway.get(f"/api/identity/customers/{customer_id}", Customer)


async def customers(gateway: Gateway, customer_ids: Iterable[UUID]) -> dict[UUID, Customer]:
    """Those that exist, by id; at most 50 ids."""
    ids = [str(customer_id) for customer_id in customer_ids]
    if not ids:
        return {}
    answer = await gateway.get("/api/identity/customers", Customers, id=ids)
    return {customer.id: customer for customer in answer.customers}


async def search_customers(
    gateway: Gateway, *, text: str = "", limit: int = 20, after: str | None = None
) -> Customers:
    body = {"text": text, "limit": limit, "after": after}
    return await gateway.send("POST", "/api/identity/customers/search", body, Customers)


async def check_email(gateway: Gateway, *, email: str) -> EmailChecked:
    return await gateway.send(
        "POST", "/api/identity/customers/email-check", {"email": email}, EmailChecked
    )


async def change_customer(gateway: Gateway, customer_id: UUID, **changed: str) -> Customer:
    """Fields that are not given stay as they are, also those that somebody else just changed."""
    return await gateway.send("PATCH", f"/api/identity/customers/{customer_id}", changed, Customer)


async def reset_password(gateway: Gateway, customer_id: UUID, *, password: str) -> None:
    """Set the password that the customer chose at the counter."""
    path = f"/api/identity/customers/{customer_id}/password"
    await gateway.call("PUT", path, {"password": password})


# --- Staff, for administrators ----------------------------------------------------------------


async def staff(gateway: Gateway) -> StaffMembers:
    return await gateway.get("/api/identity/staff", StaffMembers)


async def register_staff_member(
    gateway: Gateway, member: dict[str, str], *, key: str
) -> StaffMember:
    """Without a password the member gets a link by mail to choose one."""
    return await gateway.send("POST", "/api/identity/staff", member, StaffMember, key=key)


async def change_staff_member(gateway: Gateway, member_id: UUID, **change: str | bool) -> None:
    await gateway.call("PATCH", f"/api/identity/staff/{member_id}", change)


async def invite_staff_member(gateway: Gateway, member_id: UUID, *, key: str) -> RequestedLink:
    path = f"/api/identity/staff/{member_id}/links"
    return await gateway.send("POST", path, None, RequestedLink, key=key)
