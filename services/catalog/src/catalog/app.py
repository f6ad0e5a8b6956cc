"""The catalog service: `python -m catalog serve`."""

import asyncio

from fastapi import FastAPI

from catalog import operations
from catalog.handlers import subscriptions
from catalog.operations import importing
from catalog.routes import router
from catalog.settings import Settings
from chassis.http import uploads
from chassis.monitoring.loops import Loop
from chassis.service import Background, create_service

LONGEST_IMPORT_SECONDS = 2100  # its statements end after half an hour
IMPORTS_SECONDS = 30  # between checks for imports that another replica left unfinished
AGAIN_SECONDS = 0.5


async def take_imports(app: FastAPI, loop: Loop) -> str:
    try:
        taken = await uploads.settle_next(
            app.state.database,
            operations.IMPORTS,
            operations.import_upload,
            later=operations.ImportRunning,
        )
    except operations.ImportRunning:
        await asyncio.sleep(AGAIN_SECONDS)
        loop.wake()
        return "waits for another import"
    if taken:
        loop.wake()
    return "took an import" if taken else "found none to take"


def create_app(settings: Settings | None = None) -> FastAPI:
    return create_service(
        settings or Settings(),
        router,
        subscriptions,
        background=[
            Background(
                operations.IMPORTING,
                take_imports,
                every=IMPORTS_SECONDS,
                quiet=LONGEST_IMPORT_SECONDS,
            )
        ],
        prunable=[uploads.OLD],
        from_tables=importing.from_tables,
    )
