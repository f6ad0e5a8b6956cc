"""The secrets of the containers: files that are made once, for the eyes of one user."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from chassis.data.provisioning import owner
from chassis.messaging import streams
from local.containers.settings import ComposeSettings
from local.launcher.machine.processes import CannotStart
from local.launcher.settings import SERVICES

DATABASES = "postgres:5432"  # where the containers find it
SMTP_PASSWORD = "notifications-smtp-password"  # noqa: S105 - the name of its file


class SecretFiles:
    """A folder of mode 0700 with a file of mode 0600 for each secret."""

    def __init__(self, folder: Path, settings: ComposeSettings) -> None:
        self.folder, self.settings = folder, settings
        self.made: list[str] = []

    def make(self) -> list[str]:
        """Make what is missing and bring up to date what follows from it; returns what changed."""
        self.make_folder(self.folder)
        for name in ("tls", "acme"):
            self.make_folder(self.folder / name)
        self.own("postgres", "web", "notifications-secret")
        self.leave_room_for(SMTP_PASSWORD)
        self.put("postgres-url", f"postgresql://postgres:{self['postgres']}@{DATABASES}/postgres")
        for service in SERVICES:
            self.own_url(f"{service}-database", service, service)
            self.own_url(f"{service}-migration", owner(service), service)
        self.own_signing_key("identity-signing-key")
        self.make_passwords_of_nats()
        return self.made

    def make_passwords_of_nats(self) -> None:
        others = self.settings.other_systems
        passwords = {}
        for user in streams.users(others):
            file = f"{user}-nats" if user in SERVICES else f"nats-{user}"
            self.own(file)
            passwords[user] = self[file]
        self.put("nats-config", nats_config(self.settings, passwords))
        self.put("door-config", door_config(others, passwords))

    def __getitem__(self, name: str) -> str:
        return (self.folder / name).read_text().strip()

    def own(self, *names: str) -> None:
        """A secret of its own, unless it has one already."""
        for name in names:
            if self.is_missing(name):
                self.put(name, secrets.token_urlsafe(36))
            self.guard(self.folder / name)

    def is_missing(self, name: str) -> bool:
        """An empty one, too: a disk that was full left it so."""
        path = self.folder / name
        return not path.exists() or not path.read_text().strip()

    def leave_room_for(self, name: str) -> None:
        """A secret that comes from elsewhere: an empty file until somebody fills it in."""
        if not (self.folder / name).exists():
            self.put(name, "")
        self.guard(self.folder / name)

    def own_url(self, name: str, role: str, database: str) -> None:
        if self.is_missing(name):
            password = secrets.token_urlsafe(36)
            self.put(name, f"postgresql+psycopg://{role}:{password}@{DATABASES}/{database}")
        self.guard(self.folder / name)

    def own_signing_key(self, name: str) -> None:
        """An Ed25519 key in PEM. If the file is replaced, the new key signs after a restart."""
        # Only needed here: the launcher would hold 8 MiB of it for as long as Guichet runs.
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )

        if self.is_missing(name):
            private = Ed25519PrivateKey.generate()
            pem = private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            self.put(name, pem.decode().strip())
        self.guard(self.folder / name)

    def put(self, name: str, text: str) -> None:
        """Written in place, so that a container which has mounted the file sees the change."""
        path = self.folder / name
        if path.exists() and path.read_text() == f"{text}\n":
            self.guard(path)
            return
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.truncate(0)
            file.write(f"{text}\n")
        self.guard(path)
        self.made.append(name)

    def make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.guard(folder, 0o700)
        for file in folder.iterdir():
            if file.is_file():
                self.guard(file)

    def guard(self, path: Path, mode: int = 0o600) -> None:
        """Only the user of the containers may read it."""
        wanted = (self.settings.GUICHET_UID, self.settings.GUICHET_GID)
        try:
            path.chmod(mode)
            if (path.stat().st_uid, path.stat().st_gid) != wanted:
                os.chown(path, *wanted)
        except PermissionError:
            raise CannotStart(
                f"{path} cannot be given to user {wanted[0]} of group {wanted[1]}: run this as"
                f" that user or as root, or set GUICHET_UID and GUICHET_GID in .env"
            ) from None


def nats_config(settings: ComposeSettings, passwords: Mapping[str, str]) -> str:
    return streams.nats_config(
        listen="0.0.0.0:4222",
        store="/data",
        subscribers=settings.other_systems,
        monitor="127.0.0.1:8222",
        door="0.0.0.0:7422",
        passwords=passwords,
        sync_interval=settings.GUICHET_NATS_SYNC,
        max_file_store=settings.GUICHET_NATS_STORE,
    )


def door_config(others: list[str], passwords: Mapping[str, str]) -> str:
    return streams.door_config(
        listen="0.0.0.0:4222",
        inside="nats:7422",
        subscribers=others,
        certificate="/etc/guichet/tls/certificate.pem",
        key="/etc/guichet/tls/key.pem",
        passwords=passwords,
        monitor="127.0.0.1:8222",
    )
