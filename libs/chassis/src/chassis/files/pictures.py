"""Re-encodes pictures in processes of their own, a few at a time: see `chassis.files.drawing`."""

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SECONDS = 20  # of the clock and of the processor, for one picture
MODULE = "chassis.files.drawing"
SHOWN_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "TMPDIR")  # no secret


class PictureRefused(Exception):
    """`code` is `file_picture_too_large` or `file_picture_unreadable`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Limits:
    pixels: int
    megabytes: int  # of memory
    seconds: int = SECONDS


@dataclass(frozen=True)
class Drawn:
    """The kind and size in pixels of the picture to be shown; whether the kernel held its process."""

    kind: str
    width: int
    height: int
    is_sealed: bool


async def draw(content: IO[bytes], shown: Path, thumbnail: Path, limits: Limits) -> Drawn:
    """Write the two pictures of it. Raises `PictureRefused`."""
    content.seek(0)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", MODULE, str(shown), str(thumbnail)),
        *(str(limits.pixels), str(limits.megabytes), str(limits.seconds)),
        stdin=content.fileno(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in SHOWN_ENVIRONMENT if name in os.environ},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limits.seconds):
            written, _ = await process.communicate()
    except TimeoutError:
        raise PictureRefused("file_picture_too_large") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise PictureRefused("file_picture_unreadable")
    answer = json.loads(written)
    if "refusal" in answer:
        raise PictureRefused(answer["refusal"])
    return Drawn(answer["kind"], answer["width"], answer["height"], answer["sealed"])
