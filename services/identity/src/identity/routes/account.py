"""Routes for one's own account."""

from chassis.data.database import Reading, Transaction
from chassis.http.routing import Routes
from contracts.identity import api
from identity.operations import accounts
from identity.queries import accounts as account_queries
from identity.routes.parameters import (
    Anyone,
    BrowserAddress,
    Customer,
    TheDatabase,
    ThePasswords,
    TheSettings,
)

router = Routes("identity")


@router.get("/me")
async def my_account(caller: Anyone, reader: Reading) -> api.Account:
    return await account_queries.account(reader, caller.id)


@router.put("/me/password", status_code=204)
async def change_my_password(
    change: api.PasswordChange,
    caller: Anyone,
    database: TheDatabase,
    passwords: ThePasswords,
    address: BrowserAddress,
) -> None:
    """Requires the current password; the other sessions end."""
    await accounts.change_password(database, passwords, caller, change, address=address)


@router.put("/me/language", status_code=204)
async def choose_my_language(
    change: api.LanguageChange, caller: Anyone, session: Transaction
) -> None:
    """Of pages and mails. Access tokens carry it as `locale` from the next one on."""
    await accounts.choose_language(session, caller, change.language)


@router.put("/me/email")
async def change_my_email(
    *,
    change: api.EmailChange,
    caller: Customer,
    database: TheDatabase,
    passwords: ThePasswords,
    settings: TheSettings,
    address: BrowserAddress,
) -> api.Account:
    """Requires the current password; customers only.

    With mail, the old address stays until the link sent to the new one (`pending_email`) is opened.
    429 `too_many_links` once enough were sent in an hour. Without mail it takes effect
    at once; 409 `email_taken`, and after five attempts a growing wait, 429 `too_many_attempts`.
    """
    return await accounts.change_email(
        database,
        passwords,
        caller,
        change,
        address=address,
        mail=settings.mail,
        links_an_hour=settings.links_an_hour,
    )


@router.delete("/me/email/pending", status_code=204)
async def give_up_pending_email(caller: Customer, session: Transaction) -> None:
    """Cancel the change of address; its link stops working. Idempotent."""
    await accounts.give_up_pending_email(session, caller)
