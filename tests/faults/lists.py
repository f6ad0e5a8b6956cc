"""Every page of a list, read to its end."""

from typing import Any

from shop import Account


async def all_of(reader: Account, path: str, name: str) -> list[Any]:
    """Every page of a list."""
    found, after = [], ""
    joint = "&" if "?" in path else "?"
    while True:
        page = await reader.get(path + (f"{joint}after={after}" if after else ""))
        found += page[name]
        if (after := page["next"]) is None:
            return found
