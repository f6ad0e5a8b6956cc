"""Liveness and readiness, with the reasons for « not ready »."""

import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog
from fastapi import APIRouter, Response

from chassis.monitoring.loops import Loop

log = structlog.get_logger("health")

leaving = threading.Event()  # set once the process is stopping

Check = Callable[[], Awaitable[str | None]]


def health_routes(
    needed: Mapping[str, Check],
    reported: Mapping[str, Check] | None = None,
    loops: Callable[[], Iterable[Loop]] = tuple,
) -> APIRouter:
    """`needed` decides readiness; `reported` and the loops are only shown with it.

    A check returns None if there is no problem, otherwise a reason in a few words. Loops never make
    a process not ready: as long as it can answer requests, the gateway should pass them on.
    """
    router = APIRouter(include_in_schema=False)
    last: dict[str, str | None] = {}

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/health/ready")
    async def ready(response: Response) -> dict[str, object]:
        reasons = {name: await check() for name, check in needed.items()}
        if leaving.is_set():
            reasons["process"] = "leaving"
        beside = {name: await check() for name, check in (reported or {}).items()}
        running = list(loops())
        beside |= {loop.name: loop.state() for loop in running}
        well = {loop.name: f"ok: {loop.last} {loop.idle:.0f} s ago" for loop in running}
        is_ready = not any(reasons.values())
        if {**reasons, **beside} != last:
            last.update(reasons | beside)
            log_readiness(reasons | beside, is_ready=is_ready)
        response.status_code = 200 if is_ready else 503
        return {
            "ready": is_ready,
            **{name: reason or well.get(name, "ok") for name, reason in (reasons | beside).items()},
        }

    return router


def log_readiness(reasons: Mapping[str, str | None], *, is_ready: bool) -> None:
    """Log readiness when it changes, not at each health check."""
    troubles = {name: reason for name, reason in reasons.items() if reason}
    write = log.warning if troubles else log.info
    write("ready" if is_ready else "not_ready", **troubles)
