"""The tickets service: `python -m tickets serve`."""

import asyncio

from fastapi import FastAPI

from chassis.files.pictures import Limits
from chassis.files.store import Objects
from chassis.http import uploads
from chassis.monitoring.loops import Loop, Stuck
from chassis.service import Background, create_service
from tickets.handlers import subscriptions
from tickets.operations import republishing, stored_files
from tickets.operations.changes import OLD_CHANGES
from tickets.operations.drafts import OLD_DRAFTS
from tickets.operations.files import KIND
from tickets.operations.rewording import reword_some
from tickets.operations.stored_files import CheckLater, Checks
from tickets.routes import live, router
from tickets.routes.files import CHECKING
from tickets.settings import Settings

REWORDING_SECONDS = 10
REWORDING_PAUSE = 0.1  # so that other transactions get their turn
CHECKS_SECONDS = 10  # for what another replica has left: its own parts wake it
LONGEST_CHECK_SECONDS = 300
CHECK_AGAIN_SECONDS = 5
DAY_SECONDS = 24 * 60 * 60


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or Settings()
    app = create_service(
        settings,
        router,
        subscriptions,
        background=[
            Background("live hints", live.listen),
            Background("rewording", reword, every=REWORDING_SECONDS),
            Background(CHECKING, check_files, every=CHECKS_SECONDS, quiet=LONGEST_CHECK_SECONDS),
            Background("stored files", keep_files, every=DAY_SECONDS),
        ],
        prunable=[OLD_CHANGES, OLD_DRAFTS, uploads.OLD],
        from_tables=republishing.from_tables,
    )
    app.openapi_version = "3.2.0"  # the first that can describe a stream of events
    app.state.hub = live.Hub(settings.streams)
    app.state.seal = None  # until a customer comes
    app.state.objects = Objects(settings)
    app.state.checks = Checks(
        app.state.objects,
        Limits(settings.picture_megapixels * 1_000_000, settings.picture_megabytes),
        frozenset(settings.file_kinds.split(",")),
        settings.clamd,
        settings.file_originals,
    )
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


async def check_files(app: FastAPI, loop: Loop) -> str:
    """Check files that have come whole, some at a time; the others by the turns that follow."""
    database, work = app.state.database, app.state.checks.check
    waiting = await uploads.waiting(database, KIND)
    some = range(min(waiting, app.state.settings.pictures_at_once))
    try:
        checked = sum(
            await asyncio.gather(
                *(uploads.settle_next(database, KIND, work, later=CheckLater) for _ in some)
            )
        )
    except CheckLater as trouble:
        await asyncio.sleep(CHECK_AGAIN_SECONDS)
        raise Stuck(trouble.detail) from trouble
    if checked:
        loop.wake()
    return f"checked {checked} files" if checked else "found none to check"


async def keep_files(app: FastAPI, loop: Loop) -> str:
    """Compare the store with the table once a day; what is missing is reported until the next."""
    cleaned = await stored_files.clean_up(app.state.database, app.state.objects)
    done = f"deleted {cleaned.rows} rows and {cleaned.objects} objects of no message"
    if cleaned.missing:
        loop.report_trouble(f"the store has lost {cleaned.missing} files: see docs/operations.md")
        await asyncio.sleep(DAY_SECONDS)
    return done
