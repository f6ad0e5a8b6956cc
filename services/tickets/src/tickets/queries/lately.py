"""How much a customer has written in the last hour, by indexes that exist anyway."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Integer, Uuid, bindparam, func, select

from chassis.data.reading import Part, Question, Rows
from contracts.tickets.api import MessageKind
from tickets.models import VISIBLE, Message, Ticket

CUSTOMER = bindparam("customer_id", type_=Uuid)
MOMENT = bindparam("moment", type_=DateTime(timezone=True))

OPENED = func.array(
    select(Ticket.opened_at)
    .where(
        Ticket.customer_id == CUSTOMER,
        Ticket.last_activity_at > MOMENT,  # sorted by it in the index, and never before
        Ticket.opened_at > MOMENT,
    )
    .order_by(Ticket.opened_at)
    .scalar_subquery()
).label("opened")
SENT = func.array(
    select(Message.sent_at)
    .where(Message.customer_id == CUSTOMER, VISIBLE, Message.kind == MessageKind.CUSTOMER.value)
    .order_by(Message.position.desc())
    .limit(bindparam("most", type_=Integer))
    .scalar_subquery()
).label("sent")


@dataclass(frozen=True)
class Written:
    """When this customer opened requests and wrote since a moment, oldest first."""

    opened: Sequence[datetime]
    sent: Sequence[datetime]


def written_since(
    customer_id: UUID, moment: datetime, most: int, *, with_opened: bool
) -> Question[Written]:
    """At most the last `most` messages; opened requests only if they are requested, too."""
    statement = OPENED_AND_SENT if with_opened else ONLY_SENT
    values = {"customer_id": customer_id, "most": most}

    def answer(rows: Rows) -> Written:
        row = rows.one()
        opened = row.opened if with_opened else ()
        return Written(opened=opened, sent=sorted(at for at in row.sent if at > moment))

    part = Part(statement, values | ({"moment": moment} if with_opened else {}))
    return Question([part], answer)


ONLY_SENT = select(SENT)
OPENED_AND_SENT = select(OPENED, SENT)
