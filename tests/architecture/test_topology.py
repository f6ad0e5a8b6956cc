"""The context map says what is so: who publishes what, and who handles what of whom."""

from importlib import import_module
from importlib.util import find_spec

import pytest

from contracts.event import Event
from contracts.topology import CONTEXTS, LISTENINGS, PUBLIC_STREAMS, PUBLISHERS, stream_name

for context in PUBLISHERS:
    import_module(f"contracts.{context}.events")


def handled_by(service: str) -> set[str]:
    """The types that the handlers of this service are registered for."""
    if find_spec(f"{service}.handlers") is None:
        return set()
    return set(import_module(f"{service}.handlers").subscriptions.handlers)


@pytest.mark.parametrize("service", CONTEXTS)
def test_a_service_handles_exactly_what_it_listens_to(service):
    """A type without a handler would be acknowledged unheard; a handler without one never runs."""
    listened = {
        type for listening in LISTENINGS if listening.service == service for type in listening.types
    }
    assert handled_by(service) == listened


@pytest.mark.parametrize("listening", LISTENINGS, ids=lambda each: f"{each.service}-{each.to}")
def test_what_is_listened_to_is_published_there(listening):
    assert listening.service in CONTEXTS
    assert listening.to in PUBLISHERS
    assert listening.service != listening.to
    for type in listening.types:
        event = Event.by_type[type]
        assert event.__module__ == f"contracts.{listening.to}.events"


def test_a_service_has_one_durable_in_a_stream():
    pairs = [(listening.service, listening.to) for listening in LISTENINGS]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("context", PUBLISHERS)
def test_a_context_publishes_under_its_own_name(context):
    ours = [
        event
        for event in Event.by_type.values()
        if event.__module__ == f"contracts.{context}.events"
    ]
    assert ours
    for event in ours:
        assert event.type.startswith(f"{context}."), event
        assert event.subject_field in event.model_fields, event


def test_what_carries_names_and_addresses_is_not_public():
    assert set(PUBLIC_STREAMS) == set(PUBLISHERS) - {"identity"}
    personal = {"first_name", "last_name", "email", "name"}
    for context in PUBLIC_STREAMS:
        for type, event in Event.by_type.items():
            if type.startswith(f"{context}."):
                assert not personal & set(event.model_fields), type


def test_streams_are_named_after_their_contexts():
    assert [stream_name(context) for context in PUBLISHERS] == [
        "IDENTITY",
        "CATALOG",
        "SALES",
        "TICKETS",
    ]
