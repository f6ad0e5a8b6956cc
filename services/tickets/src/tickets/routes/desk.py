"""The desk: what staff see next to a request, priorities and quick replies."""

from uuid import UUID

from chassis.data.database import Reading, Transaction
from chassis.data.writing import reader_of
from chassis.http.bodies import LONG_BODY
from chassis.http.idempotency import Once
from chassis.http.routing import Routes
from contracts.tickets import api
from tickets.operations import quick_replies as quick_reply_operations
from tickets.operations import tickets as operations
from tickets.queries import tickets as queries
from tickets.queries.desk import context as context_queries
from tickets.queries.desk import quick_replies as quick_reply_queries
from tickets.routes.parameters import (
    LAST_MESSAGES,
    Staff,
    VerifiedStaff,
)

router = Routes("tickets")


@router.get("/{number:ticket}/context")
async def context(number: int, staff: VerifiedStaff, reader: Reading) -> api.Context:
    """The customer, what else they own and asked for, and others' requests on this product."""
    _, context = await reader.ask_all(
        queries.staff_ticket(staff, number), context_queries.context(number)
    )
    return context


@router.get("/{number:ticket}/desk")
async def desk_ticket(number: int, staff: VerifiedStaff, reader: Reading) -> api.DeskTicket:
    """What the desk shows next to its queue."""
    thread, context = await reader.ask_all(
        queries.thread(staff, number, limit=LAST_MESSAGES), context_queries.context(number)
    )
    return api.DeskTicket(thread=thread, context=context)


@router.put("/{number:ticket}/priority")
async def prioritise(
    number: int, new: api.NewPriority, staff: Staff, session: Transaction
) -> api.StaffTicket:
    """Set a request's priority; customers never see it."""
    await operations.prioritise(session, staff, number, new.priority)
    return await (await reader_of(session)).ask(queries.staff_ticket(staff, number))


@router.put("/{number:ticket}/seen", status_code=204)
async def mark_seen(number: int, seen: api.Seen, staff: Staff, session: Transaction) -> None:
    """You have opened the request and were shown its messages up to this position."""
    await operations.mark_seen(session, staff, number, seen.position)


# --- Quick replies ----------------------------------------------------------------------------


@router.get("/{number:ticket}/quick-replies")
async def rendered_quick_replies(
    number: int, staff: Staff, reader: Reading
) -> api.RenderedQuickReplies:
    """All quick replies with the values of this request."""
    return api.RenderedQuickReplies(
        quick_replies=await quick_reply_queries.rendered(reader, staff, number)
    )


@router.get("/quick-replies")
async def quick_replies(_: Staff, reader: Reading) -> api.QuickReplies:
    """All quick replies, at most 200, by title."""
    return api.QuickReplies.model_validate(
        {"quick_replies": await quick_reply_queries.quick_replies(reader)}
    )


@router.post("/quick-replies", status_code=201, max_body_size=LONG_BODY)
async def add_quick_reply(
    new: api.NewQuickReply, staff: Staff, session: Transaction, once: Once
) -> api.QuickReply:
    """Add a prepared text; braces may only hold variables."""

    async def read(quick_reply_id: UUID) -> api.QuickReply:
        return api.QuickReply.model_validate(
            await quick_reply_queries.quick_reply(session, quick_reply_id)
        )

    return await once.create(
        new,
        lambda: quick_reply_operations.add_quick_reply(session, staff, new),
        read,
        show=api.QuickReply.model_validate,
    )


@router.patch("/quick-replies/{quick_reply_id}", max_body_size=LONG_BODY)
async def change_quick_reply(
    quick_reply_id: UUID, change: api.QuickReplyChange, staff: Staff, session: Transaction
) -> api.QuickReply:
    """Change the title, the text, or both."""
    changed = await quick_reply_operations.change_quick_reply(
        session, staff, quick_reply_id, change
    )
    return api.QuickReply.model_validate(changed)


@router.delete("/quick-replies/{quick_reply_id}", status_code=204)
async def remove_quick_reply(quick_reply_id: UUID, _: Staff, session: Transaction) -> None:
    """Remove a quick reply; messages sent with it stay as they are."""
    await quick_reply_operations.remove_quick_reply(session, quick_reply_id)
