"""The tickets service: `python -m tickets serve`."""

import asyncio

from fastapi import FastAPI

from chassis.monitoring.loops import Loop
from chassis.service import Background, create_service
from tickets.handlers import subscriptions
from tickets.operations import republishing
from tickets.operations.changes import OLD_CHANGES
from tickets.operations.drafts import OLD_DRAFTS
from tickets.operations.rewording import reword_some
from tickets.routes import live, router
from tickets.settings import Settings

REWORDING_SECONDS = 10
REWORDING_PAUSE = 0.1  # for whoever waits meanwhile


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    app = create_service(
        settings,
        router,
        subscriptions,
        background=[
            Background("live hints", live.listen),
            Background("rewording", reword, every=REWORDING_SECONDS),
        ],
        prunable=[OLD_CHANGES, OLD_DRAFTS],
        from_tables=republishing.from_tables,
    )
    app.openapi_version = "3.2.0"  # the first that can describe a stream of events
    app.state.hub = live.Hub(settings.streams)
    app.state.seal = None  # until a customer comes
    return app


async def reword(app: FastAPI, loop: Loop) -> str:
    """Update all stale search texts, in small transactions."""
    done = 0
    while True:
        async with app.state.database.transaction() as session:
            some = await reword_some(session)
        if some is None:
            return f"read the words of {done} messages again" if done else "found all words read"
        done += some
        loop.report(f"read the words of {done} messages again")
        await asyncio.sleep(REWORDING_PAUSE)
