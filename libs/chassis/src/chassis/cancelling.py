"""Work that is completed although the task that waits for it is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def to_its_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Wait for this work, which must end by itself, and only then raise a cancellation.

    A plain `await` in an `except` or `finally` would be interrupted by a second cancellation.
    """
    running, cancelled = asyncio.ensure_future(work), None
    while not running.done():
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return running.result()
