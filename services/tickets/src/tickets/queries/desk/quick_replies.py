"""Quick replies, as they are or with the values of one request."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.reading import Reader
from chassis.http.auth import Caller
from contracts.tickets import api
from tickets.models import Person, QuickReply, QuickReplyUnknown, rendered_text
from tickets.queries.tickets import ticket_row

BY_TITLE = (func.lower(func.public.unaccent(QuickReply.title)), QuickReply.id)


async def quick_replies(reader: Reader) -> list[api.QuickReply]:
    rows = await reader.execute(select(*QuickReply.__table__.columns).order_by(*BY_TITLE))
    return [api.QuickReply.model_validate(row) for row in rows]


async def quick_reply(
    session: AsyncSession, quick_reply_id: UUID, *, lock: bool = False
) -> QuickReply:
    found = await session.get(QuickReply, quick_reply_id, with_for_update=lock)
    if found is None:
        raise QuickReplyUnknown("no quick reply has this id")
    return found


async def rendered(reader: Reader, caller: Caller, number: int) -> list[api.RenderedQuickReply]:
    """Every quick reply with the values of this request."""
    ticket = await ticket_row(reader, caller, number=number)
    names = select(Person.first_name, Person.name).where(Person.id == ticket.customer_id)
    customer = (await reader.execute(names)).one()
    values = {
        "prénom": customer.first_name or customer.name,
        "produit": ticket.designation,
        "numéro de série": ticket.serial_number,
        "numéro de demande": str(ticket.number),
    }
    return [
        api.RenderedQuickReply(**each.model_dump(), rendered=rendered_text(each.text, values))
        for each in await quick_replies(reader)
    ]
