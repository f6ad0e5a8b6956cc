"""Dead letters, the events that kept failing: list, handle again, drop."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from chassis.data.database import Database
from chassis.messaging.bus import Delivery, Subscriptions, deliver
from chassis.messaging.outbox import DeadLetter
from chassis.outages import describe
from contracts.event import Envelope


async def all_dead_letters(database: Database) -> Sequence[DeadLetter]:
    async with database.transaction() as session:
        return (await session.scalars(select(DeadLetter).order_by(DeadLetter.id))).all()


async def dead_letter(database: Database, number: int) -> DeadLetter | None:
    async with database.transaction() as session:
        return await session.get(DeadLetter, number)


async def retry(
    database: Database, subscriptions: Subscriptions, consumer: str, number: int
) -> str:
    """Handle the event and delete the dead letter in one transaction; returns the outcome."""
    try:
        async with database.transaction() as session:
            found = await session.get(DeadLetter, number, with_for_update=True)
            if found is None:
                return "not there"
            envelope = Envelope.model_validate_json(found.body)
            delivery = Delivery(envelope, found.stream, found.position)
            await deliver(session, subscriptions, consumer, [delivery])
            await session.delete(found)
    except Exception as error:  # the handler's own failure is what the operator wants to read
        return f"failed: {describe(error)}"
    return "handled"


async def drop(database: Database, number: int) -> bool:
    async with database.transaction() as session:
        found = await session.scalar(
            delete(DeadLetter).where(DeadLetter.id == number).returning(DeadLetter.id)
        )
        return found is not None
