"""The product's pages as a browser without script asks for them."""

import re
from html import unescape

import httpx

from shop import Account

OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


async def page(who: Account, path: str) -> httpx.Response:
    name, session = await who.cookie()
    return await who.http.get(path, headers={**OURS, "Cookie": f"{name}={session}"})


async def press(who: Account, path: str, action: str) -> httpx.Response:
    """Send the first form of that page whose address matches `action`, a regular expression."""
    name, session = await who.cookie()
    shown = (await page(who, path)).text
    form = re.findall(rf'action="({action})">(.*?)</form>', shown, re.DOTALL)[0]
    hidden = re.findall(r'name="([^"]+)"[^>]*value="([^"]*)"', form[1])
    return await who.http.post(
        form[0],
        data={key: unescape(value) for key, value in hidden},
        headers={**OURS, "Cookie": f"{name}={session}"},
    )
