"""Updates the search texts of messages after a name changed, where one transaction is not enough."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

AT_ONCE = 50  # messages in one transaction: half a second, for which their customer's next waits


async def reword_some(session: AsyncSession) -> int | None:
    """How many messages were updated; 0 if none is stale, or another replica is at work."""
    return await session.scalar(select(func.reword_next(AT_ONCE)))
