"""A whole Guichet that starts with less work."""

from collections.abc import Iterable

from chassis import migrations
from local.launcher import databases
from local.launcher.machine.servers import PostgreSQL
from local.launcher.settings import SERVICES
from local.launcher.stack import Stack


class Unsynced(Stack):
    """What its PostgreSQL has committed outlives it, killed or not, but not this machine."""

    def own_postgres(self) -> PostgreSQL | None:
        if postgres := super().own_postgres():
            unsynced = ["-c", "fsync=off", "-c", "full_page_writes=off"]
            postgres.command = [*postgres.command, *unsynced]
        return postgres

    def migrate(self, services: Iterable[str] = SERVICES) -> None:
        """In this process, which has imported them all; five others would spend 8 s on that."""
        for service in services:
            owner = self.database_url(service, databases.owner(service))
            migrations.upgrade(service, owner)
