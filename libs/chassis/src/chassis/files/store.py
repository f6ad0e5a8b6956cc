"""Stored objects, in a folder or a bucket of S3: written and read piece by piece.

Errors of the store are `OSError` or `obstore.exceptions.BaseError`; a missing object is
`ObjectMissing`.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import IO

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

PIECE = 128 * 1024  # bytes that are held at a time
WRITTEN_AT_ONCE = 1024 * 1024
PART_OF_S3 = 5 * 1024 * 1024  # the least that S3 takes of a part
ANSWERS_WITHIN = timedelta(seconds=20)
TROUBLE = (OSError, BaseError)


class ObjectMissing(Exception):
    """The store has no object of this key."""


class StoreSettings(BaseSettings):
    files_folder: Path = Field(
        Path("files"),
        description="The folder in which files are stored. With several machines: a folder that all"
        " share, or S3.",
    )
    files_bucket: str = Field(
        "",
        description="The bucket of an S3 server in which files are stored, instead of in a folder.",
    )
    files_endpoint: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="The address of that S3 server. Empty: Amazon's.",
    )
    files_region: str = Field("us-east-1", description="The region of the bucket.")
    files_access_key: str = Field("", description="The access key's id at the S3 server.")
    files_secret_key: SecretStr = Field(SecretStr(""), description="The secret access key.")


@dataclass(frozen=True)
class Stored:
    """An object as the store lists it."""

    key: str
    stored_at: datetime


class Objects:
    """One folder or one bucket. A key is a path, such as `0198…/original`."""

    def __init__(self, settings: StoreSettings) -> None:
        self.folder = None if settings.files_bucket else settings.files_folder
        self.settings = settings

    @cached_property
    def store(self) -> LocalStore | S3Store:
        """Opened at the first use, so that generating the API's description makes no folder."""
        return open_folder(self.folder) if self.folder else open_bucket(self.settings)

    async def put(self, key: str, content: IO[bytes]) -> None:
        """Write or replace an object atomically."""
        content.seek(0)
        size = WRITTEN_AT_ONCE if self.folder else PART_OF_S3
        await obstore.put_async(self.store, key, content, chunk_size=size, max_concurrency=1)
        if self.folder:
            await asyncio.to_thread(flush_to_disk, self.folder / key)

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """The bytes from `start` up to, and without, `end`. Raises `ObjectMissing`, before any."""
        try:
            found = await obstore.get_async(self.store, key, options={"range": (start, end)})
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error

        async def pieces() -> AsyncGenerator[bytes]:
            async for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)

        return pieces()

    async def size(self, key: str) -> int:
        """In bytes. Raises `ObjectMissing`."""
        try:
            return (await obstore.head_async(self.store, key))["size"]
        except FileNotFoundError as error:
            raise ObjectMissing(key) from error

    async def delete(self, keys: Sequence[str]) -> None:
        """Those that are there."""
        for key in keys:
            try:
                await obstore.delete_async(self.store, key)
            except FileNotFoundError:
                continue

    async def listed(self) -> AsyncIterator[list[Stored]]:
        """All of them, in batches."""
        async for batch in obstore.list(self.store, chunk_size=1_000):
            yield [Stored(each["path"], each["last_modified"]) for each in batch]


def open_folder(folder: Path) -> LocalStore:
    return LocalStore(folder.absolute(), mkdir=True, automatic_cleanup=True)


def open_bucket(settings: StoreSettings) -> S3Store:
    given = {
        "endpoint": settings.files_endpoint,
        "access_key_id": settings.files_access_key,
        "secret_access_key": settings.files_secret_key.get_secret_value(),
    }
    return S3Store(
        settings.files_bucket,
        region=settings.files_region,
        client_options={"allow_http": True, "timeout": ANSWERS_WITHIN},
        retry_config={"max_retries": 2, "retry_timeout": ANSWERS_WITHIN},
        **{name: value for name, value in given.items() if value},
    )


def flush_to_disk(path: Path) -> None:
    """The content, then its name in the folder: a row will name what is there after a power cut."""
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
