"""The demo's data, loaded once through the public APIs."""

from collections.abc import Callable

from local.demo.accounts import ACCOUNTS, is_loaded
from local.launcher.stack import Stack

__all__ = ["ACCOUNTS", "is_loaded", "load"]


def load(stack: Stack, report: Callable[[str], object] = lambda _: None) -> None:
    """Imported only here, so that later starts take half a second and 30 MiB less."""
    from local.demo import loading  # noqa: PLC0415

    loading.load(stack, report)
