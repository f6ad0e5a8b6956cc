"""Waiting for what takes a moment, without guessing how long."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeVar

from local.launcher.machine.processes import Process

T = TypeVar("T")


async def eventually(
    check: Callable[[], Awaitable[T]], *, seconds: float = 60, pause: float = 0.05
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


async def all_ready(processes: Iterable[Process]) -> None:
    """Each of them is at work, or is soon; `AssertionError` names one that is not."""

    async def is_ready(process: Process) -> None:
        assert process.is_ready(), f"{process.name} is not back"

    for process in processes:
        await eventually(partial(is_ready, process))
