"""Describes outages of the broker in one line: the cause and the remedy."""

import nats.errors
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

USER = "GUICHET_NATS_USER and GUICHET_NATS_PASSWORD"

# Of the codes of JetStream: no room in its store, for all streams or for this one.
NO_ROOM = (10023, 10047, 10077)
NO_STREAM = 10059


def is_no_stream(error: BaseException) -> bool:
    return isinstance(error, NotFoundError) and error.err_code == NO_STREAM


# Also of JetStream: a file that it cannot make, with the message of its operating system.
NO_FILE = 10012
FILES_GONE = (
    "NATS has lost the files of its stream {stream} and serves it from memory: start NATS again and"
    " have messaging set up (./guichet restart nats; see docs/operations.md); all is published again"
)


def of_files(error: BaseException, stream: str) -> str | None:
    """A stream that can no longer be written; None for any other error."""
    if isinstance(error, APIError) and error.err_code == NO_FILE:
        if "no such file" in (error.description or ""):
            return FILES_GONE.format(stream=stream)
        return f"NATS cannot write its stream {stream} ({error.description}): see its log"
    return None


def of_publishing(error: BaseException) -> str:
    """Why JetStream does not store an event."""
    if isinstance(error, APIError) and error.err_code in NO_ROOM:
        return (
            f"NATS has no room for more events ({error.description}): make room on its disk or"
            " raise the limits of its store"
        )
    if isinstance(error, TimeoutError):  # with a full disk NATS never answers
        return (
            "NATS does not say that it has stored an event: see that it runs and, in its log,"
            " whether its disk is full; then make room and start it again"
        )
    if isinstance(error, NoStreamResponseError) or is_no_stream(error):
        return "NATS has no stream for these events: have messaging set up again"
    if isinstance(error, APIError):
        return f"NATS does not store events: {error.description} ({error.err_code})"
    return of_broker(error)


FORBIDDEN = (
    "NATS does not let this service {what}: have its configuration made again (./guichet up, or"
    " ./guichet compose init) and start it again"
)


def of_listening(error: BaseException, stream: str) -> str:
    """Why a consumer gets no events."""
    if is_no_stream(error):
        return f"NATS has no stream {stream}: have messaging set up again"
    if isinstance(error, TimeoutError):
        return f"NATS does not answer what is asked of its stream {stream}: see its log"
    if isinstance(error, APIError) and error.description:
        return f"NATS refuses its stream {stream}: {error.description} ({error.err_code})"
    return of_broker(error)


def of_broker(error: BaseException, user: str = USER) -> str:
    """Why a connection to NATS fails."""
    if isinstance(error, nats.errors.AuthorizationError) or "uthorization" in str(error):
        return f"NATS refuses this user: correct {user}"
    return f"{str(error) or type(error).__name__}: see that NATS runs and that GUICHET_NATS_URL leads to it"
