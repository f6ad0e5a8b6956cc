"""Decodes and re-encodes one picture, in a process of its own: `python -m chassis.files.drawing`.

It reads the picture from standard input and writes two pictures to the paths that it is given. What
it decodes may attack the decoder: before that it bounds its own memory, time and size of files, and
from then on the kernel lets it open no file, no connection and start no process.
"""

import errno
import io
import json
import resource
import sys
import warnings
from importlib import import_module
from typing import IO

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

SHOWN_PIXELS, THUMBNAIL_PIXELS = 2560, 480  # of the longer side
QUALITY, QUALITY_OF_THUMBNAIL = 88, 80
CLONE_THREAD = 0x10000
LARGEST_WRITTEN = 64 * 1024 * 1024  # bytes of one file
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")

# What Pillow imports only when a picture needs it.
LOADED_LATE = (
    "GifImagePlugin", "WebPImagePlugin", "MpoImagePlugin", "TiffImagePlugin", "TiffTags", "ExifTags",
    "ImageChops", "ImageColor", "ImageMode", "ImagePalette", "ImageSequence",
)  # fmt: skip
# All that decoding and writing to open files takes. Threads are no new process.
ALLOWED = [
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "lseek",
    "close",
    "fstat",
    "newfstatat",
    "ftruncate",
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "brk",
    "futex",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "exit",
    "exit_group",
    "getpid",
    "gettid",
    "clock_gettime",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "getrandom",
    "sched_yield",
    "sched_getaffinity",
    "getrusage",
    "prctl",
    "rseq",
    "set_robust_list",
]


def main(shown: str, thumbnail: str, most_pixels: str, megabytes: str, seconds: str) -> None:
    prepare(int(most_pixels))
    with open(shown, "wb") as large, open(thumbnail, "wb") as small:  # noqa: PTH123 - beside stdin
        bound(int(megabytes), int(seconds))
        is_sealed = seal()
        answer = draw(sys.stdin.buffer, large, small)
    print(json.dumps(answer | {"sealed": is_sealed}))  # noqa: T201 - the answer


def prepare(most_pixels: int) -> None:
    """Load every decoder: later no file can be opened."""
    import pillow_heif  # noqa: PLC0415

    pillow_heif.register_heif_opener(thumbnails=False)
    pillow_heif.options.DECODE_THREADS = 1  # ty: ignore[invalid-assignment]
    Image.preinit()
    for name in LOADED_LATE:
        import_module(f"PIL.{name}")

    Image.MAX_IMAGE_PIXELS = most_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    for form in ("JPEG", "PNG"):  # what is loaded at the first use
        Image.new("RGBA" if form == "PNG" else "RGB", (8, 8)).resize((4, 4)).save(
            io.BytesIO(), form
        )


def bound(megabytes: int, seconds: int) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, megabytes * 1024 * 1024),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, LARGEST_WRITTEN),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def seal() -> bool:
    """Let the kernel refuse every other call; whether it does: not without libseccomp."""
    try:
        import pyseccomp  # noqa: PLC0415
    except (ImportError, OSError, RuntimeError):
        return False
    wall = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in ALLOWED:
        wall.add_rule(pyseccomp.ALLOW, name)
    thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, CLONE_THREAD, CLONE_THREAD)
    wall.add_rule(pyseccomp.ALLOW, "clone", thread)
    wall.add_rule(
        pyseccomp.ERRNO(errno.ENOSYS), "clone3"
    )  # whose flags cannot be read: `clone` it is
    wall.load()
    return True


def draw(source: IO[bytes], large: IO[bytes], small: IO[bytes]) -> dict[str, object]:
    """The sizes of what was written, or the code of a refusal."""
    try:
        with Image.open(source, formats=(*FORMATS, "HEIF")) as picture:
            pixels = picture.width * picture.height
            if pixels > (Image.MAX_IMAGE_PIXELS or 0):
                return {"refusal": "file_picture_too_large"}
            picture.thumbnail((SHOWN_PIXELS, SHOWN_PIXELS))  # a JPEG is decoded smaller at once
            ImageOps.exif_transpose(picture, in_place=True)
            plain = without_metadata(picture)
        kind = write(plain, large, QUALITY)
        little = plain.copy()
        little.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        write(little, small, QUALITY_OF_THUMBNAIL)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        return {"refusal": "file_picture_too_large"}
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, RuntimeError):
        return {"refusal": "file_picture_unreadable"}
    return {"kind": kind, "width": plain.width, "height": plain.height}


def without_metadata(picture: Image.Image) -> Image.Image:
    """Nothing but the pixels of the first frame: RGB, or with transparency RGBA."""
    is_transparent = "A" in picture.getbands() or "transparency" in picture.info
    pixels = picture.convert("RGBA" if is_transparent else "RGB")
    pixels.info.clear()
    return pixels


def write(picture: Image.Image, file: IO[bytes], quality: int) -> str:
    if picture.mode == "RGBA":
        picture.save(file, "PNG")
        return "image/png"
    picture.save(file, "JPEG", quality=quality)
    return "image/jpeg"


if __name__ == "__main__":
    main(*sys.argv[1:])
