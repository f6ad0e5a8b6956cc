"""A barcode scanner: a keyboard that types faster than anybody can."""

import asyncio
import time

from playwright.async_api import Page

SECONDS_PER_KEY = 0.005
PAUSE_SECONDS = 0.2  # between a scan and the keys that somebody presses before and after it
CONTROL = 2
# As browsers get them: some scanners end with CR, some with CR and LF, some with LF alone.
ENDS = {
    "Enter": [("Enter", 13, "\r", 0)],
    "Tab": [("Tab", 9, "", 0)],
    "LF": [("j", 74, "", CONTROL)],
    "CRLF": [("Enter", 13, "\r", 0), ("j", 74, "", CONTROL)],
}

# What a computer set for AZERTY reads where a scanner set for QWERTY presses; shift for letters.
FRENCH = dict(zip("0123456789", "à&é\"'(-è_ç", strict=True)) | {
    "A": "Q", "Q": "A", "Z": "W", "W": "Z", "M": "?",
}  # fmt: skip


def read_as_french(text: str) -> str:
    return "".join(FRENCH.get(character, character) for character in text)


async def scan(page: Page, text: str, *, end: str = "Enter") -> None:
    """Real key events, stamped 5 ms apart however slowly this machine delivers them."""
    await asyncio.sleep(PAUSE_SECONDS)
    keyboard = await page.context.new_cdp_session(page)
    at = time.time()

    async def press(key: str, code: int, typed: str, modifiers: int = 0) -> None:
        nonlocal at
        at += SECONDS_PER_KEY
        what = {
            "key": key,
            "windowsVirtualKeyCode": code,
            "modifiers": modifiers,
            "timestamp": at,
        }
        down = "keyDown" if typed else "rawKeyDown"
        await keyboard.send("Input.dispatchKeyEvent", {"type": down, "text": typed, **what})
        await keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **what})

    for character in text:
        await press(character, ord(character.upper()) if character.isalnum() else 0, character)
    for last in ENDS.get(end, []):
        await press(*last)
    await keyboard.detach()
    # Where keys are delivered faster than they are stamped, the scan has not ended yet.
    await asyncio.sleep(max(at - time.time(), 0) + PAUSE_SECONDS)
