"""The type of a file, by its content; its name is not trusted."""

import re
import unicodedata

import filetype

HEAD = 8192  # bytes that show the kind
LONGEST_NAME = 180  # bytes of UTF-8, with its ending
LONGEST_ENDING = 10

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/heic"})
TEXT = "text/plain"

# The endings that go with a kind, the usual one first; `csv` and `log` are texts by their name.
ENDINGS = {
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "image/webp": ("webp",),
    "image/gif": ("gif",),
    "image/heic": ("heic", "heif"),
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
    "video/mp4": ("mp4", "m4v"),
    "video/quicktime": ("mov",),
    "video/webm": ("webm",),
    TEXT: ("txt", "log", "csv", "md"),
}
ALIKE = {"image/heif": "image/heic", "video/x-m4v": "video/mp4"}
# Documents of programs are ZIP archives, and may hold macros: they are offered as the archives
# they are.
ZIPPED = re.compile(r"^application/(vnd\.(openxmlformats|oasis)|epub|java-archive)")

MARKUP = re.compile(
    rb"<\s*(!doctype|\?xml|html|head|body|svg|script|iframe|meta|style|title|a\s|img)",
    re.IGNORECASE,
)
UNSEEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def kind_of(head: bytes) -> str | None:
    """The MIME type by the first bytes, or None for what is not one of these kinds.

    Text is what is UTF-8 or Latin-1 without control characters and begins with no markup.
    """
    guessed = filetype.guess_mime(head)
    if guessed is not None:
        guessed = ALIKE.get(guessed, guessed)
        if ZIPPED.match(guessed):
            guessed = "application/zip"
        return guessed if guessed in ENDINGS else None
    return TEXT if is_text(head) else None


def is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16, as some programs write logs
        return not MARKUP.search(head.replace(b"\0", b""))
    if any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head):
        return False
    return not MARKUP.search(head[:1024].lstrip())


def plain_name(name: str) -> str:
    """No path and nothing unseen; at most 180 bytes of UTF-8."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = UNSEEN.sub("", name)
    name = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in name)
    name = re.sub(r'[<>:"|?*%]', "_", " ".join(name.split()))
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > LONGEST_ENDING:
        stem, ending = name, ""
    return joined(stem, ending)


def with_ending(name: str, kind: str) -> str:
    """A plain name with an ending that does not lie about the kind."""
    stem, _, ending = name.rpartition(".")
    if stem and ending.lower() in ENDINGS[kind]:
        return joined(stem, ending.lower())
    return joined(name, ENDINGS[kind][0])


def joined(stem: str, ending: str) -> str:
    ending = f".{ending}" if ending else ""
    room = LONGEST_NAME - len(ending.encode())
    stem = stem.encode()[:room].decode(errors="ignore").strip(". ")
    return f"{stem or 'fichier'}{ending}"
