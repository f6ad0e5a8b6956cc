"""Sentences with placeholders."""

from typing import Any


class Known(dict[str, Any]):
    def __missing__(self, _: str) -> str:
        return ""
