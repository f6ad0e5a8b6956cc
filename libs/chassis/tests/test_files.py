"""Files: the store, a folder or S3; what a file is; pictures in their own process; the scanner."""

import io
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from chassis.files import kinds, scanning
from chassis.files.store import PIECE, ObjectMissing, Objects, StoreSettings
from chassis.testing import EICAR, free_port, wait

BUCKET = "files"


@pytest.fixture(scope="module")
def s3(tmp_path_factory) -> Iterator[str]:
    """The address of a real S3 server with our bucket."""
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    listening = [
        option
        for name, port in ports.items()
        for option in (f"-{name}.port={port}", f"-{name}.port.grpc={free_port()}")
    ]
    program = Path(sysconfig.get_path("scripts")) / "weed"
    process = subprocess.Popen(
        [program, "server", "-s3", "-ip=127.0.0.1", *listening,
         f"-dir={tmp_path_factory.mktemp('s3')}", "-master.volumeSizeLimitMB=64", "-volume.max=20"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{ports['s3']}"

    def makes_a_bucket() -> bool:
        try:
            return httpx.put(f"{address}/{BUCKET}", timeout=5).is_success
        except httpx.HTTPError:
            return False

    try:
        wait(makes_a_bucket, process)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(params=["folder", "s3"])
def objects(request, tmp_path) -> Objects:
    if request.param == "folder":
        settings = StoreSettings(files_folder=tmp_path / "files")
    else:
        address = request.getfixturevalue("s3")
        settings = StoreSettings(
            files_bucket=BUCKET,
            files_endpoint=address,
            files_access_key="key",
            files_secret_key=SecretStr("secret"),
        )
    return Objects(settings)


async def read(objects: Objects, key: str, start: int, end: int) -> list[bytes]:
    return [piece async for piece in await objects.read(key, start, end)]


async def listed(objects: Objects) -> set[str]:
    return {each.key async for batch in objects.listed() for each in batch}


async def test_an_object_is_written_read_piece_by_piece_and_deleted(objects):
    content = bytes(range(256)) * 4 * 12_000  # more than one part of an upload to S3
    await objects.put("0198/original", io.BytesIO(content))
    await objects.put("0198/shown", io.BytesIO(b"first"))
    await objects.put("0198/shown", io.BytesIO(b"second"))
    assert await objects.size("0198/original") == len(content)
    pieces = await read(objects, "0198/original", 0, len(content))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) < 16 * PIECE
    assert b"".join(await read(objects, "0198/original", 300, 310)) == content[300:310]
    assert await read(objects, "0198/shown", 0, 6) == [b"second"]
    assert await listed(objects) == {"0198/original", "0198/shown"}
    for _ in range(2):
        await objects.delete(["0198/original"])
    assert await listed(objects) == {"0198/shown"}
    with pytest.raises(ObjectMissing):
        await objects.size("0198/original")
    with pytest.raises(ObjectMissing):
        await objects.read("0198/original", 0, 5)


# What a file is; `None`: not one of ours.
HEADS = {
    b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom": "video/mp4",
    b"\x00\x00\x00\x14ftypqt  \x20\x05\x03\x00qt  ": "video/quicktime",
    b"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3"
    b"\x81\x08B\x82\x84webm": "video/webm",
    b"GIF89a\x01\x00": "image/gif",
    "Date;Prix\n1;10\u00a0€\n".encode(): "text/plain",
    "été".encode("latin-1"): "text/plain",
    "été".encode("utf-16"): "text/plain",
    b"": "text/plain",
    b"  <SVG onload=a()>": None,
    b"#!/bin/sh\n\x00": None,
    b"Rar!\x1a\x07\x00": None,
}


@pytest.mark.parametrize("head", HEADS)
def test_a_file_is_what_its_bytes_say(head):
    assert kinds.kind_of(head) == HEADS[head]


SEALED = """
import io, os, socket, sys
from chassis.files import drawing
drawing.prepare(1_000_000)
drawing.bound(512, 1)
assert drawing.seal()
def trial(name, act):
    try:
        act()
    except OSError as refused:
        print(name, refused.errno)
trial("network", lambda: socket.socket())
trial("file", lambda: os.open("/etc/passwd", os.O_RDONLY))
trial("process", os.fork)
trial("program", lambda: os.execv("/bin/true", ["true"]))
trial("signal", lambda: os.kill(1, 0))
try:
    bytearray(600 * 1024 * 1024)
except MemoryError:
    print("memory")
sys.stdout.flush()
while True:
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own walls")
def test_a_decoder_reaches_nothing_and_ends():
    done = subprocess.run(
        [sys.executable, "-c", SEALED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines() == [
        *(f"{name} 1" for name in ("network", "file", "process", "program", "signal")),
        "memory",
    ], done.stderr
    assert done.returncode < 0  # by its bound of processor time


async def test_the_scanner_finds_what_it_knows(clamd):
    assert await scanning.virus_in(io.BytesIO(EICAR), clamd) == "Eicar-Test-Signature.UNOFFICIAL"
    assert await scanning.virus_in(io.BytesIO(b"harmless"), clamd) is None
    with pytest.raises(scanning.ScannerFailed, match=r"limit exceeded|Connection|Broken"):
        await scanning.virus_in(io.BytesIO(bytes(2 * 1024 * 1024)), clamd)
    with pytest.raises(scanning.ScannerFailed):
        await scanning.virus_in(io.BytesIO(b"x"), "127.0.0.1:1")
