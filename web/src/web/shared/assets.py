"""Static files, under addresses that change with their content."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

WEB = Path(__file__).parents[1]  # the files of each domain, under their paths below it

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}

FONTS = {
    "text": "atkinson-hyperlegible-next/files/atkinson-hyperlegible-next-{}-wght-normal.woff2",
    "code": "atkinson-hyperlegible-mono/files/atkinson-hyperlegible-mono-{}-wght-normal.woff2",
    "sign": "bricolage-grotesque/files/bricolage-grotesque-{}-wdth-normal.woff2",
}

# The parts of the one sheet that browsers get, in the order in which they stand there.
SHEET = "shared/styles/guichet.css"
STYLES = (
    "shared/styles/start.css",
    "shared/styles/base.css",
    "shared/styles/layout.css",
    "shared/styles/controls.css",
    "shared/styles/search.css",
    "counter/styles/serial.css",
    "shared/styles/tickets.css",
    "counter/styles/steps.css",
    "desk/styles/queue.css",
    "shared/styles/thread.css",
    "files/styles/files.css",
    "shared/styles/lists.css",
    "shared/styles/messages.css",
    "account/styles/sign-in.css",
    "counter/styles/counter.css",
    "desk/styles/desk.css",
    "desk/styles/request.css",
    "desk/styles/dense.css",
    "mine/styles/mine.css",
    "account/styles/account.css",
    "counter/styles/customers.css",
    "shared/styles/error.css",
    "shared/styles/print.css",
)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Asset:
    content: bytes
    media_type: str


class Assets:
    """All files, read once at start, and the `sentences` of scripts in every language.

    One digest of everything is part of every address, so that the stylesheet and modules can use
    relative addresses for each other.
    """

    def __init__(self, packages: Path, sentences: dict[str, bytes]) -> None:
        self.files = {
            name: Asset(path.read_bytes(), MEDIA_TYPES[path.suffix])
            for name, path in sorted(found(packages))
        } | {name: Asset(text, MEDIA_TYPES[".js"]) for name, text in sentences.items()}
        parts = [self.files.pop(name).content for name in STYLES]
        self.files[SHEET] = Asset(b"\n".join(parts), MEDIA_TYPES[".css"])
        digest = hashlib.sha256()
        for name, asset in self.files.items():
            digest.update(name.encode() + b"\0" + hashlib.sha256(asset.content).digest())
        self.digest = digest.hexdigest()[:16]

    def url(self, name: str) -> str:
        """The address of one file; raises for a missing one, so that the page fails in tests."""
        if name not in self.files:
            raise LookupError(f"no static file is called {name}")
        return f"/static/{self.digest}/{name}"


def found(packages: Path) -> Iterator[tuple[str, Path]]:
    for kind in ("scripts", "styles"):
        for path in WEB.glob(f"*/{kind}/**/*"):
            if path.suffix in MEDIA_TYPES:
                yield path.relative_to(WEB).as_posix(), path
    yield "htmx.js", packages / "htmx.org" / "dist" / "htmx.min.js"
    for use, pattern in FONTS.items():
        for script in ("latin", "latin-ext"):
            yield (
                f"fonts/{use}-{script}.woff2",
                packages / "@fontsource-variable" / pattern.format(script),
            )


@router.get("/static/{digest}/{name:path}")
async def static_file(digest: str, name: str, request: Request) -> Response:
    """The address of another version gets the current file, but must not be cached."""
    assets: Assets = request.app.state.assets
    asset = assets.files.get(name)
    if asset is None:
        raise HTTPException(404)
    current = digest == assets.digest
    keep = "public, max-age=31536000, immutable" if current else "no-cache"
    return Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": keep})
