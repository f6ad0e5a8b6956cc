"""Prometheus metrics and their endpoint.

Names and labels never hold anything personal: routes are templates, refusals are codes.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

REQUESTS = Histogram(
    "guichet_request_seconds",
    "Duration of requests, by route template.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REFUSALS = Counter("guichet_refusals", "Requests refused, by code.", ["code"])
PUBLISHED = Counter("guichet_events_published", "Events that JetStream has stored.", ["type"])
HANDLED = Counter("guichet_events_handled", "Events applied here for the first time.", ["type"])
RETRIED = Counter("guichet_events_retried", "Events put off after a failure.", ["stream"])
DEAD_LETTERED = Counter("guichet_events_parked", "Events that became dead letters.", ["stream"])
DEAD_LETTERS = Gauge(
    "guichet_dead_letters", "Dead letters that are neither retried nor dropped yet."
)
OUTBOX_DEPTH = Gauge("guichet_outbox_events", "Events that JetStream has not stored yet.")
OUTBOX_AGE = Gauge("guichet_outbox_age_seconds", "Age of the oldest of them.")
LAG = Gauge("guichet_consumer_lag_events", "Events not handled yet, by stream.", ["stream"])
LOOP_TROUBLE = Gauge("guichet_loop_trouble", "1 where a loop cannot go on.", ["loop"])
LOOP_IDLE = Gauge("guichet_loop_idle_seconds", "Since a loop last did something.", ["loop"])
CLOCK = Gauge("guichet_clock_behind_seconds", "How far this clock is behind its database's.")
POOL = Gauge("guichet_pool_connections", "Database connections, by what they do.", ["state"])

log = structlog.get_logger()

Reading = Callable[[], Awaitable[None]]


def metrics_routes(
    readings: Sequence[Reading] = (), registry: CollectorRegistry | None = None
) -> APIRouter:
    """`GET /metrics`, with those of `registry`; gauges that need a database are read when
    Prometheus asks.

    The gateway has no route to it: Prometheus asks the process itself.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics")
    async def metrics() -> Response:
        for read in readings:
            try:
                await read()
            except Exception as error:  # what it does not know now must not hide the rest
                log.warning("reading_failed", error=type(error).__name__)
        figures = b"".join(map(generate_latest, filter(None, (REGISTRY, registry))))
        return Response(figures, media_type=CONTENT_TYPE_LATEST)

    return router
