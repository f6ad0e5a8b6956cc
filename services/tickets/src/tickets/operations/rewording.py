"""What finds a message is read again where more of them changed than one transaction takes."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

AT_ONCE = 50  # messages in one transaction: half a second, for which their customer's next waits


async def reword_some(session: AsyncSession) -> int | None:
    """How many messages were read again; nothing where none is stale, or others are at it."""
    return await session.scalar(select(func.reword_next(AT_ONCE)))
