"""The quick replies, and what they become in one request."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.auth import Caller
from contracts.tickets import api
from tickets.models import Person, QuickReply, QuickReplyUnknown, Ticket
from tickets.queries.tickets import ticket_row

BY_TITLE = (func.lower(func.public.unaccent(QuickReply.title)), QuickReply.id)


async def quick_replies(session: AsyncSession) -> list[QuickReply]:
    return list(await session.scalars(select(QuickReply).order_by(*BY_TITLE)))


async def quick_reply(
    session: AsyncSession, quick_reply_id: UUID, *, lock: bool = False
) -> QuickReply:
    found = await session.get(QuickReply, quick_reply_id, with_for_update=lock)
    if found is None:
        raise QuickReplyUnknown("no quick reply has this id")
    return found


async def rendered(
    session: AsyncSession, caller: Caller, number: int
) -> list[api.RenderedQuickReply]:
    """Every quick reply with the values of this request."""
    asked = await ticket_row(session, caller, Ticket.number == number)
    customer = await session.get_one(Person, asked.customer_id)
    values = {
        "prénom": customer.first_name or customer.name,
        "produit": asked.designation,
        "numéro de série": asked.serial_number,
        "numéro de demande": str(asked.number),
    }
    return [
        api.RenderedQuickReply(
            **api.QuickReply.model_validate(each).model_dump(), rendered=each.rendered(values)
        )
        for each in await quick_replies(session)
    ]
