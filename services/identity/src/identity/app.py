"""The identity service: `python -m identity serve`."""

from fastapi import FastAPI

from chassis.data.database import Database
from chassis.http.auth import Caller
from chassis.http.session_check import SessionEnded
from chassis.monitoring.loops import Loop
from chassis.service import Background, create_service
from identity.handlers import subscriptions
from identity.operations import accounts, sessions
from identity.passwords import Passwords
from identity.queries import accounts as account_queries
from identity.routes import router
from identity.settings import Settings
from identity.tokens import SigningKeys

KEYS_SECONDS = 3600


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    background = [Background("own keys", read_keys, every=KEYS_SECONDS)]
    app = create_service(
        settings,
        router,
        subscriptions,
        background=background,
        prunable=sessions.PAST,
        from_tables=accounts.from_tables,
    )
    app.state.session_check = LocalSessionCheck(app.state.database)
    app.state.passwords = passwords_of(settings)
    # Identity checks tokens with its own keys, without asking itself over HTTP.
    given = settings.signing_key.get_secret_value() if settings.signing_key else None
    app.state.keys = SigningKeys(app.state.database, given)
    return app


class LocalSessionCheck:
    """Identity checks sessions in its own database, each time."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def require(self, caller: Caller) -> None:
        """401 `session_ended` if session, account or role no longer match the token."""
        if not await account_queries.is_still_open(self.database.reader, caller):
            raise SessionEnded("the session has ended; sign in again")


def passwords_of(settings: Settings) -> Passwords:
    return Passwords(
        memory_kib=settings.password_memory_kib,
        passes=settings.password_passes,
        queue=settings.password_queue,
        site_words=[settings.house_words, settings.public_url],
    )


async def read_keys(app: FastAPI, _: Loop) -> str:
    """The first start creates the first key; a new one is noticed within the hour."""
    await app.state.keys.read()
    return "read the keys"
