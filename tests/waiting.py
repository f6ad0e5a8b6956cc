"""Waiting for what takes a moment, without guessing how long."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    check: Callable[[], Awaitable[T]], *, seconds: float = 30, pause: float = 0.05
) -> T:
    """What `check` returns once it asserts nothing wrong any more; its last complaint otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(pause)
