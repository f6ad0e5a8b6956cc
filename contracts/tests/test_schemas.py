"""The published files of contracts/ match the code."""

import json
from datetime import UTC, date, datetime
from importlib import import_module
from uuid import uuid4

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate as validate_openapi

from chassis.messaging.outbox import enveloped
from contracts.event import Event
from contracts.topology import CONTEXTS, LISTENINGS, PUBLIC_STREAMS, PUBLISHERS
from local.workshop.generated import contracts as generator
from local.workshop.generated.contracts import PUBLISHED, SCHEMAS

TYPES = sorted(generator.events())
HINT = "run ./guichet contracts"


def stored(name):
    return json.loads((SCHEMAS / name).read_text())


# --- Up to date -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated():
    return generator.generated()


def test_every_file_is_the_one_that_the_code_generates(generated):
    stale = [name for name, text in generated.items() if not is_stored(name, text)]
    assert not stale, HINT


def is_stored(name, text):
    file = SCHEMAS / name
    return file.exists() and file.read_text() == text


def test_no_file_is_left_of_something_removed(generated):
    assert {str(file.relative_to(SCHEMAS)) for file in SCHEMAS.rglob("*.*")} == set(generated)


# --- Events -----------------------------------------------------------------------------------


def test_every_event_of_every_context_is_described():
    declared = {
        value.type
        for context in PUBLISHERS
        for value in vars(import_module(f"contracts.{context}.events")).values()
        if isinstance(value, type) and issubclass(value, Event) and value is not Event
    }
    assert {file.stem for file in (SCHEMAS / "events").glob("*.json")} == declared


@pytest.mark.parametrize("type", TYPES)
def test_a_schema_is_a_json_schema(type):
    Draft202012Validator.check_schema(stored(f"events/{type}.json"))


ID, NOW = uuid4(), datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PRODUCT = {"id": ID, "reference": "PX-200", "designation": "Perceuse à percussion"}
UNIT = {"product": PRODUCT, "serial_number": "SN4X8820193KQ7L"}
PERSON = {"first_name": "Inès", "last_name": "Dubois", "email": "ines@example.org"}
TICKET = {"ticket_id": ID, "version": 3, "number": 1001, "customer_id": ID}
EXAMPLES = {
    "catalog.products-changed.v1": {
        "change_id": ID,
        "products": [PRODUCT | {"version": 1, "on_sale": True}],
    },
    "identity.customer-changed.v1": PERSON
    | {"customer_id": ID, "version": 1, "enabled": True, "registered_at": NOW},
    "identity.staff-member-changed.v1": PERSON
    | {"staff_member_id": ID, "version": 1, "role": "technician", "enabled": True},
    "identity.password-changed.v1": {"account_id": ID, "changed_at": NOW},
    "identity.link-requested.v1": {"account_id": ID, "link_id": ID, "purpose": "password"}
    | {"requested_at": NOW, "expires_at": NOW},
    "sales.sale-recorded.v1": UNIT
    | {"sale_id": ID, "version": 1, "customer_id": ID, "seller_id": ID}
    | {"sold_on": date(2026, 11, 24), "recorded_at": NOW},
    "sales.sale-cancelled.v1": UNIT
    | {"sale_id": ID, "version": 2, "customer_id": ID, "cancelled_by": ID, "cancelled_at": NOW},
    "tickets.ticket-opened.v1": UNIT | TICKET | {"sale_id": ID, "opened_at": NOW},
    "tickets.ticket-message-added.v1": TICKET
    | {"message_id": ID, "author_id": ID, "author_side": "staff", "status": "in_progress"}
    | {"sent_at": NOW},
    "tickets.ticket-prioritised.v1": TICKET
    | {"priority": "high", "prioritised_by": ID, "prioritised_at": NOW},
    "tickets.ticket-resolved.v1": TICKET
    | {"resolved_by": ID, "resolved_by_side": "customer", "resolved_at": NOW},
}


def test_there_is_an_example_of_every_event():
    assert sorted(EXAMPLES) == TYPES


@pytest.mark.parametrize("type", EXAMPLES)
def test_what_is_published_fits_its_schema(type):
    event = Event.by_type[type].model_validate(EXAMPLES[type])
    body = json.loads(enveloped(event, uuid4(), datetime.now(UTC), None, None)["body"])

    validator = validator_of(type)
    validator.validate(body)
    for name in stored(f"events/{type}.json")["required"]:
        assert not validator.is_valid({key: body[key] for key in body if key != name})
    for name in EXAMPLES[type]:
        data = {key: body["data"][key] for key in body["data"] if key != name}
        assert not validator.is_valid(body | {"data": data})
    assert not validator.is_valid(body | {"type": "sales.something-else.v1"})


def validator_of(type):
    return Draft202012Validator(stored(f"events/{type}.json"), format_checker=FormatChecker())


# --- OpenAPI ----------------------------------------------------------------------------------


def fields_of(schema, described, path=()):
    """Of a body, with those inside it: its path and what it may hold."""
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield path, schema
    for inner in (*schema.get("anyOf", ()), *filter(None, [schema.get("items")])):
        yield from fields_of(inner, described, path)
    for name, inner in schema.get("properties", {}).items():
        yield from fields_of(inner, described, (*path, name))


@pytest.mark.parametrize("context", sorted(CONTEXTS))
def test_no_request_can_set_when_something_happened(context):
    """Moments are the service's own: no body has a field for one or takes what it does not know."""
    described = stored(f"openapi/{context}.json")
    for route, methods in described["paths"].items():
        for method, operation in methods.items():
            for body in operation.get("requestBody", {}).get("content", {}).values():
                for path, schema in fields_of(body["schema"], described):
                    where = (method, route, *path)
                    assert schema.get("format") != "date-time", where
                    if "properties" in schema:
                        assert schema["additionalProperties"] is False, where


# --- AsyncAPI ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asyncapi():
    return yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())


def test_asyncapi_has_a_channel_for_each_event_under_its_subject(asyncapi):
    assert asyncapi["asyncapi"] == "3.0.0"
    assert sorted(asyncapi["channels"]) == TYPES
    for type, channel in asyncapi["channels"].items():
        [parameter] = channel["parameters"]
        assert channel["address"] == f"{type}.{{{parameter}}}"
        assert channel["x-jetstream-stream"] == type.split(".")[0].upper()


def test_asyncapi_says_who_sends_and_who_receives(asyncapi):
    operations = {
        (operation["action"], operation["tags"][0]["name"], channel_of(operation))
        for operation in asyncapi["operations"].values()
    }
    sent = {("send", type.split(".")[0], type) for type in TYPES}
    received = {
        ("receive", listening.service, type) for listening in LISTENINGS for type in listening.types
    }
    assert operations == sent | received


def channel_of(operation):
    return operation["channel"]["$ref"].removeprefix("#/channels/")


def test_asyncapi_names_the_streams_and_durables(asyncapi):
    streams = {stream["name"]: stream for stream in asyncapi["x-jetstream-streams"]}
    assert sorted(streams) == ["CATALOG", "IDENTITY", "SALES", "TICKETS"]
    assert streams["SALES"] == {
        "name": "SALES",
        "subjects": ["sales.>"],
        "public": True,
        "durables": [
            {
                "name": "tickets",
                "filter_subjects": ["sales.sale-recorded.v1.*", "sales.sale-cancelled.v1.*"],
            },
            {"name": "notifications", "filter_subjects": ["sales.sale-recorded.v1.*"]},
        ],
    }
    public = [name.lower() for name, stream in streams.items() if stream["public"]]
    assert sorted(public) == sorted(PUBLIC_STREAMS)


def test_every_reference_of_asyncapi_leads_somewhere(asyncapi):
    found = list(references(asyncapi))
    assert len(found) > len(TYPES)
    for reference in found:
        if reference.startswith("#/"):
            target = asyncapi
            for step in reference[2:].split("/"):
                target = target[step]
        else:
            assert (SCHEMAS / reference).is_file(), reference


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from references(part)


# --- OpenAPI ----------------------------------------------------------------------------------


@pytest.mark.parametrize("service", CONTEXTS)
def test_an_openapi_description_is_valid_and_of_this_service_alone(service):
    described = stored(f"openapi/{service}.json")
    validate_openapi(described)
    assert described["paths"]
    assert all(path.startswith(f"/api/{service}") for path in described["paths"])


# --- Released ---------------------------------------------------------------------------------


def test_what_was_released_is_never_changed():
    """A copy's name holds a digest of it, and the numbers leave no gap."""
    for folder in PUBLISHED.iterdir():
        for number, file in enumerate(sorted(folder.glob("*.json")), 1):
            assert file.name == f"{number:03}-{generator.digest(file.read_text())}.json", file


def test_what_was_released_is_still_published():
    assert {folder.name for folder in PUBLISHED.iterdir()} == set(TYPES)


@pytest.mark.parametrize("type", TYPES)
def test_every_event_fits_all_that_was_released(type):
    schema = generator.event_schema(generator.events()[type])
    assert generator.breaks(type, schema, PUBLISHED) == []
    newest = json.loads(generator.released(type)[-1].read_text())
    assert generator.means_the_same(newest, schema), HINT


def test_a_first_release_copies_every_schema(tmp_path):
    assert len(generator.release(tmp_path)) == len(TYPES)
    assert generator.release(tmp_path) == []


def test_a_compatible_change_appends_a_copy(tmp_path):
    generator.release(tmp_path)
    older = rewrite(tmp_path, "sales.sale-recorded.v1", remove=None)

    [copy] = generator.release(tmp_path)
    assert copy.parent == older.parent
    assert copy.name.startswith("002-")


def test_a_breaking_change_is_not_released(tmp_path):
    """The copies tell of a field that the code has not: as if it had just been removed."""
    generator.release(tmp_path)
    rewrite(tmp_path, "sales.sale-recorded.v1", remove="invented")
    before = sorted(tmp_path.rglob("*.json"))

    with pytest.raises(generator.Breaking, match=r"sale-recorded\.v1: event\.data\.invented"):
        generator.release(tmp_path)
    assert sorted(tmp_path.rglob("*.json")) == before


TYPE = "sales.sale-recorded.v1"


def test_what_is_not_on_the_main_branch_yet_may_be_renamed(tmp_path):
    generator.release(tmp_path)
    frozen = {file for file in tmp_path.rglob("*.json") if file.parent.name != TYPE}
    [draft] = generator.released(TYPE, tmp_path)
    rewrite(tmp_path, TYPE, remove="a name of yesterday")
    (tmp_path / "sales.sale-thought-of.v1").mkdir()
    forgotten = tmp_path / "sales.sale-thought-of.v1" / draft.name
    forgotten.write_text(draft.read_text())

    changed = generator.release(tmp_path, frozen)

    assert generator.released(TYPE, tmp_path) == [draft]
    assert generator.means_the_same(
        json.loads(draft.read_text()), generator.event_schema(Event.by_type[TYPE])
    )
    assert forgotten in changed
    assert not forgotten.parent.exists()
    assert generator.release(tmp_path, frozen) == []


def test_of_one_event_the_copies_of_the_main_branch_stay_and_a_draft_after_them_does_not(tmp_path):
    generator.release(tmp_path)
    older = rewrite(tmp_path, TYPE, remove=None)
    frozen = set(tmp_path.rglob("*.json"))
    [draft] = generator.release(tmp_path, frozen)
    draft.write_text(older.read_text())  # as it was before something was renamed

    generator.release(tmp_path, frozen)

    assert [copy.name[:4] for copy in generator.released(TYPE, tmp_path)] == ["001-", "002-"]
    assert "traceparent" in draft.read_text()


def test_a_refusal_says_what_to_do(tmp_path):
    generator.release(tmp_path)
    rewrite(tmp_path, TYPE, remove="invented")
    gone = tmp_path / "sales.sale-forgotten.v1"
    gone.mkdir()
    (gone / "001-0.json").write_text("{}")
    with pytest.raises(generator.Breaking) as refused:
        generator.release(tmp_path, set(tmp_path.rglob("*.json")))
    assert "sale-forgotten.v1: is no event of ours any more" in str(refused.value)
    assert "give what is new a default" in str(refused.value)
    assert "(.v2)" in str(refused.value)


def test_the_main_branch_holds_what_is_published():
    """Of this very checkout; a copy without git takes every file for published."""
    on_main = generator.on_main()
    assert on_main is None or {file.parent.name for file in on_main} <= set(TYPES)


def rewrite(folder, type, *, remove):
    """Pretend that another schema was released: one that lacks an optional field, or has one."""
    [file] = generator.released(type, folder)
    schema = json.loads(file.read_text())
    if remove:
        schema["$defs"]["SaleRecorded"]["properties"][remove] = {"type": "string"}
    else:
        del schema["properties"]["traceparent"]
    file.write_text(generator.as_json(schema))
    return file
