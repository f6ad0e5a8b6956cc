"""Events of the other services: who people are, and what to send them mail about."""

from dataclasses import replace
from datetime import UTC, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.messaging.bus import Subscriptions
from contracts.identity.emails import email_key
from contracts.identity.events import (
    CustomerChanged,
    LinkRequested,
    PasswordChanged,
    StaffMemberChanged,
)
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from contracts.notifications.api import Kind
from contracts.sales.events import SaleRecorded
from contracts.tickets.events import Side, TicketMessageAdded, TicketOpened, TicketResolved
from notifications import settings
from notifications.models import Person
from notifications.operations import projections, queueing
from notifications.operations.queueing import Notification, Rules, key_of

subscriptions = Subscriptions()

LINKS = {
    Purpose.PASSWORD: Kind.PASSWORD_LINK,
    Purpose.INVITATION: Kind.INVITATION,
    Purpose.EMAIL: Kind.EMAIL_LINK,
}


def current_rules() -> Rules | None:
    """None if no mail is sent: events are still stored, but lead to no mail."""
    rules = settings.queueing()
    if not rules.mail:
        return None
    return Rules(
        gather=timedelta(seconds=rules.mail_gather_seconds),
        max_age=timedelta(hours=rules.mail_oldest_hours),
        retention=timedelta(days=rules.mail_keep_days),
    )


async def notify(session: AsyncSession, person_id: UUID, notification: Notification) -> None:
    if (rules := current_rules()) is not None:
        await queueing.notify(session, person_id, notification, rules)


async def notify_staff(session: AsyncSession, notification: Notification) -> None:
    if (rules := current_rules()) is not None:
        await queueing.notify_staff(session, notification, rules)


# --- People -----------------------------------------------------------------------------------


@subscriptions.on(CustomerChanged)
async def remember_customer(session: AsyncSession, event: CustomerChanged) -> None:
    """A changed address is announced to the old one, where the owner can notice a theft."""
    person = Person(
        id=event.customer_id,
        version=event.version,
        role=Role.CUSTOMER,
        first_name=event.first_name,
        last_name=event.last_name,
        email=event.email,
        enabled=event.enabled,
        changed_at=event.changed_at,
        language=event.language,
    )
    before = await projections.remember_person(session, person)
    if before is None:
        return
    after = await projections.newest_person(session, person.id)
    if after.changed_at is not None and email_key(before.email) != email_key(after.email):
        await notify(
            session,
            after.id,
            Notification(
                kind=Kind.EMAIL_CHANGED,
                key=key_of("email", after.id, after.version),
                at=after.changed_at,
                fixed_email=before.email,
            ),
        )


@subscriptions.on(StaffMemberChanged)
async def remember_staff_member(session: AsyncSession, event: StaffMemberChanged) -> None:
    person = Person(
        id=event.staff_member_id,
        version=event.version,
        role=event.role,
        first_name=event.first_name,
        last_name=event.last_name,
        email=event.email,
        enabled=event.enabled,
        language=event.language,
    )
    await projections.remember_person(session, person)


@subscriptions.on(PasswordChanged)
async def notify_of_password(session: AsyncSession, event: PasswordChanged) -> None:
    key = key_of("password", event.account_id, event.changed_at.astimezone(UTC).isoformat())
    kind = Kind.FIRST_PASSWORD if event.first else Kind.PASSWORD_CHANGED
    notification = Notification(kind=kind, key=key, at=event.changed_at)
    await notify(session, event.account_id, notification)


@subscriptions.on(LinkRequested)
async def send_link(session: AsyncSession, event: LinkRequested) -> None:
    if event.expires_at <= clock.now():
        return
    notification = Notification(
        kind=LINKS[event.purpose],
        key=key_of("link", event.link_id),
        at=event.requested_at,
        link_id=event.link_id,
        link_expires_at=event.expires_at,
    )
    await notify(session, event.account_id, notification)
    if event.purpose == Purpose.EMAIL:
        # To the old address, where the change can be refused.
        warning = replace(notification, kind=Kind.EMAIL_ASKED, key=key_of("refusal", event.link_id))
        await notify(session, event.account_id, warning)


# --- Purchases --------------------------------------------------------------------------------


@subscriptions.on(SaleRecorded)
async def welcome_buyer(session: AsyncSession, event: SaleRecorded) -> None:
    first = await projections.remember_purchase(
        session, customer_id=event.customer_id, sale_id=event.sale_id, at=event.recorded_at
    )
    if first:
        notification = Notification(
            kind=Kind.WELCOME, key=key_of("welcome", event.customer_id), at=event.recorded_at
        )
        await notify(session, event.customer_id, notification)


# --- Requests ---------------------------------------------------------------------------------


@subscriptions.on(TicketOpened)
async def notify_of_request(session: AsyncSession, event: TicketOpened) -> None:
    await projections.remember_ticket(
        session,
        id=event.ticket_id,
        number=event.number,
        customer_id=event.customer_id,
        reference=event.product.reference,
        designation=event.product.designation,
        customer_version=event.version,
    )
    notification = Notification(
        kind=Kind.NEW_REQUEST,
        key=key_of("opened", event.ticket_id),
        at=event.opened_at,
        ticket_id=event.ticket_id,
        version=event.version,
        author_id=event.customer_id,
    )
    await notify_staff(session, notification)
    if settings.queueing().mail_acknowledge:
        await notify(session, event.customer_id, replace(notification, kind=Kind.ACKNOWLEDGEMENT))


@subscriptions.on(TicketMessageAdded)
async def notify_of_message(session: AsyncSession, event: TicketMessageAdded) -> None:
    """Notify the other side: the customer, or the staff members who want it."""
    by_staff = event.author_side == Side.STAFF
    column = "staff_version" if by_staff else "customer_version"
    await projections.remember_ticket(
        session,
        id=event.ticket_id,
        number=event.number,
        customer_id=event.customer_id,
        **{column: event.version},
    )
    notification = Notification(
        kind=Kind.REPLY if by_staff else Kind.CUSTOMER_ANSWER,
        key=key_of("message", event.message_id),
        at=event.sent_at,
        ticket_id=event.ticket_id,
        version=event.version,
        message_id=event.message_id,
        author_id=event.author_id,
    )
    if by_staff:
        await notify(session, event.customer_id, notification)
    else:
        await notify_staff(session, notification)


@subscriptions.on(TicketResolved)
async def notify_of_resolution(session: AsyncSession, event: TicketResolved) -> None:
    """The customer, unless they resolved it themselves."""
    await projections.remember_ticket(
        session,
        id=event.ticket_id,
        number=event.number,
        customer_id=event.customer_id,
        resolved_by=event.resolved_by,
    )
    if event.resolved_by_side == Side.STAFF:
        notification = Notification(
            kind=Kind.RESOLVED,
            key=key_of("resolved", event.ticket_id),
            at=event.resolved_at,
            ticket_id=event.ticket_id,
            version=event.version,
            author_id=event.resolved_by,
        )
        await notify(session, event.customer_id, notification)
