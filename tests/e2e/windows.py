"""Browser windows, and a watch over what none of them should ever meet."""

import contextlib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

import failures
from e2e.people import Customer, Person, Staff
from shop import Account
from waiting import eventually

TALL = 900
PARTS = {"stylesheet", "script", "font", "image", "manifest"}
PATIENCE_MILLISECONDS = 15_000
ARRIVAL_SECONDS = 10  # of what a page has sent before it is closed

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")


class Windows:
    """Opens windows for people; `complaints` tells what went wrong in any of them."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self.browser, self.base_url = browser, base_url
        self.contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.under_way: set[Request] = set()  # what changes something, such as a draft
        self.console: list[str] = []

    async def staff(self, account: Account, *, signed_in: bool = True, **how: Any) -> Staff:
        return Staff(await self.open(account if signed_in else None, **how), account)

    async def customer(self, account: Account, *, signed_in: bool = True, **how: Any) -> Customer:
        return Customer(await self.open(account if signed_in else None, **how), account)

    async def visitor(self, **how: Any) -> Person:
        """Nobody whom the shop knows."""
        return Person(await self.open(None, **how), None)

    async def open(
        self,
        signed_in: Account | None = None,
        *,
        width: int = 1440,
        theme: Theme = "light",
        javascript: bool = True,
        zone: str = "Europe/Paris",
    ) -> Page:
        """A window of a browser of its own."""
        context = await self.browser.new_context(
            base_url=self.base_url,
            viewport={"width": width, "height": TALL},
            color_scheme=theme,
            java_script_enabled=javascript,
            locale="fr-FR",
            timezone_id=zone,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        self.contexts.append(context)
        if signed_in is not None:
            await self.sign_in(context, signed_in)
        page = await context.new_page()
        self.watch(page)
        return page

    async def sign_in(self, context: BrowserContext, account: Account) -> None:
        """By the cookie that web would have given: the story is not about signing in."""
        secure = urlsplit(self.base_url).scheme == "https"
        name, value = await account.cookie()
        await context.add_cookies(
            [
                {
                    "name": name,
                    "value": value,
                    "url": self.base_url,
                    "httpOnly": True,
                    "secure": secure,
                    "sameSite": "Lax",
                }
            ]
        )

    def watch(self, page: Page) -> None:
        page.on("console", self.note_message)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("response", self.answered)
        page.on("requestfailed", self.failed)
        page.on("request", self.leaves)

    def leaves(self, request: Request) -> None:
        if request.method != "GET":
            self.under_way.add(request)

    def note_message(self, message: ConsoleMessage) -> None:
        """Errors, among them every violation of the content security policy."""
        where = message.page.url if message.page else "?"
        self.console.append(f"{message.type} at {where}: {message.text}")
        # A refused form or an unknown address is an answer: `answered` judges those.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(
                f"console at {message.page and message.page.url}: {message.text}"
            )

    def answered(self, response: Response) -> None:
        self.under_way.discard(response.request)
        wrong = 400 if response.request.resource_type in PARTS else 500
        if response.status >= wrong:
            self.complaints.append(f"{response.status} for {response.url}")

    def failed(self, request: Request) -> None:
        self.under_way.discard(request)
        # Leaving or reloading a page aborts its running requests.
        if request.resource_type in PARTS and "ERR_ABORTED" not in (request.failure or ""):
            self.complaints.append(f"{request.url}: {request.failure}")

    async def show(self, folder: Path) -> None:
        """Leave there what every window shows, and what their consoles and our watch say."""
        folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a moment, and all is over
        pages = [page for context in self.contexts for page in context.pages]
        for number, page in enumerate(pages, 1):
            await failures.show(page, folder, f"window-{number}")
        lines = [*self.console, *(f"complaint: {each}" for each in self.complaints)]
        (folder / "console.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")

    async def close(self) -> None:
        """Once what was sent has arrived: it would come in the middle of the next test."""

        async def has_arrived() -> None:
            assert not self.under_way

        with contextlib.suppress(AssertionError):
            await eventually(has_arrived, seconds=ARRIVAL_SECONDS)
        for context in self.contexts:
            await context.close()
