"""Links sent by mail, which are used without a session."""

from uuid import UUID

from chassis.data.database import Transaction
from chassis.http.routing import Routes
from contracts.identity import api
from identity.operations import links, opened_links
from identity.routes.parameters import (
    BrowserAddress,
    Service,
    TheDatabase,
    ThePasswords,
    TheSettings,
)

router = Routes("identity")


@router.post("/password-links", status_code=202)
async def request_password_link(
    forgotten: api.ForgottenPassword,
    database: TheDatabase,
    settings: TheSettings,
    address: BrowserAddress,
) -> None:
    """Mail a link, valid for an hour, to this address if an account has it.

    The answer and its duration are the same whether or not there is one; there is a limit per hour.
    """
    links.require_mail(settings.mail)
    await links.request_password_link(
        database,
        forgotten.email,
        address=address,
        seconds=settings.password_link_seconds,
        an_hour=settings.links_an_hour,
    )


@router.post("/links/read")
async def read_link(given: api.GivenLink, session: Transaction) -> api.Link:
    """What a link is for. Reading a link does not use it up."""
    return await opened_links.read(session, given.secret)


@router.post("/links/use")
async def use_link(
    given: api.LinkUse, database: TheDatabase, passwords: ThePasswords
) -> api.UsedLink:
    """Choose the password, or confirm the new address; this works once.

    409 `link_used`, `link_expired`, and `email_taken` if somebody else has the address by now.
    """
    return await opened_links.use(database, passwords, given)


@router.post("/links/{link_id}/secret")
async def make_link_secret(link_id: UUID, _: Service, session: Transaction) -> api.LinkSecret:
    """A secret for the mail that is being sent. For our own services, on the internal entry point."""
    return await opened_links.make_secret(session, link_id)


@router.post("/links/{link_id}/secret/refusal")
async def make_link_refusal(link_id: UUID, _: Service, session: Transaction) -> api.LinkSecret:
    """The same for the current address: this secret can only refuse the change of it."""
    return await opened_links.make_refusal(session, link_id)
