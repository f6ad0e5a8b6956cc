"""One trace through every hop; recorded only if a collector is configured.

The ids always travel, in headers and in events, so that the logs of all parts can be joined. Spans
are created by hand in four places that everything passes: instrumentation packages would record
URLs, statements and error messages, which may be personal.
"""

import asyncio
import random
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    Tracer,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.settings import CommonSettings

__all__ = ["SpanKind", "here", "parent_of", "set_response", "span", "start", "stop", "trace_id"]

EXPORT_SECONDS = 5
HEADER = "traceparent"
W3C = TraceContextTextMapPropagator()

_provider: Any = None
_tracer: Tracer | None = None


def start(part: str, settings: CommonSettings) -> None:
    """Start recording if a collector is configured; else its libraries are not even imported."""
    global _provider, _tracer  # noqa: PLW0603 - one process is one part
    if not settings.traces_url:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415

    _provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(settings.traces_share),
        resource=Resource.create({"service.namespace": "guichet", "service.name": part}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=settings.traces_url, timeout=EXPORT_SECONDS)
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = _provider.get_tracer("guichet")


async def stop() -> None:
    """Send the remaining spans."""
    global _provider, _tracer  # noqa: PLW0603
    if _provider is not None:
        await asyncio.to_thread(_provider.shutdown)
    _provider = _tracer = None


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    parent: Context | None = None,
    attributes: Mapping[str, str | int] | None = None,
) -> Generator[Span]:
    """Record the block as a span, below `parent` or else the current span."""
    started = (
        _tracer.start_span(name, parent, kind, attributes)
        if _tracer is not None
        else unrecorded(parent)
    )
    with trace.use_span(
        started, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield started
        except Exception as error:
            started.set_status(
                StatusCode.ERROR, type(error).__name__
            )  # its message may contain personal data
            raise


def set_response(method: str, route: str, status: int) -> None:
    """Name the current span by the route's template, and set its attributes."""
    step = trace.get_current_span()
    step.update_name(f"{method} {route}")
    step.set_attributes(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        }
    )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        step.set_status(StatusCode.ERROR)


def unrecorded(parent: Context | None) -> Span:
    """The ids from the caller's headers, or new ones."""
    given = trace.get_current_span(parent).get_span_context()
    if given.is_valid:
        return NonRecordingSpan(given)
    ids = random.getrandbits(128) or 1, random.getrandbits(64) or 1
    return NonRecordingSpan(SpanContext(*ids, is_remote=False))


def parent_of(traceparent: str | None) -> Context:
    """The step that a header or an event names; what is no such name begins a new trace."""
    return W3C.extract({HEADER: traceparent or ""}, Context())


def here() -> str | None:
    """The current step, as headers and events name it."""
    carrier: dict[str, str] = {}
    W3C.inject(carrier)
    return carrier.get(HEADER)


def trace_id() -> str | None:
    """The current trace, as logs name it."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
