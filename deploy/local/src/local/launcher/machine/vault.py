"""The secrets of one installation: made once, readable by its owner alone."""

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path


class Vault:
    """Names and secrets in one file of mode 0600; a name asked for the first time is made."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def __getitem__(self, name: str) -> str:
        return self.all([name])[name]

    def all(self, names: Iterable[str]) -> dict[str, str]:
        """These secrets, written down before anyone uses them."""
        names = list(names)
        missing = {name: secrets.token_urlsafe(24) for name in names if name not in self.known}
        if missing:
            self.known |= missing
            self.write()
        return {name: self.known[name] for name in names}

    def write(self) -> None:
        """Whole or not at all, and never readable by others, not even for a moment."""
        draft = self.file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self.known, file, indent=2)
        draft.replace(self.file)
