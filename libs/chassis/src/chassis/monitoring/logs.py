"""Structured logs: one JSON object per line, on standard output."""

import logging
import socket
import sys
import traceback

import structlog
from structlog.typing import EventDict

from chassis.monitoring.tracing import trace_id


def add_trace(_: object, __: str, event: EventDict) -> EventDict:
    """Add the trace id to a line."""
    if found := trace_id():
        event["trace_id"] = found
    return event


# Packages whose error messages may quote rows, parameters or what people typed.
MAY_QUOTE_DATA = ("sqlalchemy", "psycopg", "pydantic")


def add_traceback(_: object, __: str, event: EventDict) -> EventDict:
    """Add where an error arose and what caused it; its message only where it cannot be personal."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(map(render_error, chain_of(error)))
    return event


def chain_of(error: BaseException | None) -> list[BaseException]:
    """The error and its causes, the first one first."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.insert(0, error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain


def render_error(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    message = "" if kind.startswith(MAY_QUOTE_DATA) else f": {error}"
    return "".join(traceback.format_tb(error.__traceback__)) + kind + message


def is_relevant(record: logging.LogRecord) -> bool:
    """False for a DNS lookup that failed after its caller had timed out and logged that.

    uvloop reports such a late failure at each attempt to reach a server that is down.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, socket.gaierror) and "never retrieved" in record.getMessage())


class StandardOutput:
    """The output of our own loggers: structlog passes it finished lines."""

    named = structlog.stdlib.LoggerFactory(ignore_frame_names=[__name__])

    def __init__(self, *names: str) -> None:
        self.name = self.named(*names).name

    def write(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    debug = info = warning = error = critical = write


def configure(level: str = "INFO") -> None:
    """Write every line in one form; those of libraries go through `logging`."""
    shared = [
        structlog.contextvars.merge_contextvars,
        add_trace,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = [add_traceback, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # httpx logs every URL, which may contain names; alembic every check of a schema.
    for chatty in ("httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("asyncio").addFilter(is_relevant)
    structlog.configure(
        processors=[*shared, *rendering],
        logger_factory=StandardOutput,
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=True,
    )
