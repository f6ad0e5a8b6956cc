"""Calls on behalf of one browser, and optional parts of pages."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from chassis.http.client import Gateway, Problem

__all__ = ["Gateway", "Problem", "if_answered"]

Part = TypeVar("Part")

PART_SECONDS = 1.5  # what stands beside the point of a page is not worth a longer wait


async def if_answered(asked: Awaitable[Part]) -> Part | None:
    """None if the service does not answer: the page leaves that part out."""
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await asked
    except (Problem, TimeoutError):
        return None
