"""Write what contracts/ shows the world: schemas of events, AsyncAPI, OpenAPI, released copies."""

import hashlib
import inspect
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from contracts.compatibility import breaking_changes, means_the_same
from contracts.event import Envelope, Event
from contracts.topology import CONTEXTS, LISTENINGS, PUBLIC_STREAMS, PUBLISHERS, stream_name
from local.launcher.settings import ROOT
from local.workshop import history

Schema = dict[str, Any]
SCHEMAS, PUBLISHED = ROOT / "contracts/schemas", ROOT / "contracts/published"

# An app is built to be described, never run: no such database or broker exists.
NOWHERE = {"database_url": "postgresql+psycopg://nobody@localhost:1/nothing"}


class Breaking(Exception):
    """Released events would change their meaning: each line says which and how."""


# ---- Events -----------------------------------------------------------------------------------


def events() -> dict[str, type[Event]]:
    """Every event that our contexts publish, by type; tests may have declared others."""
    modules = {import_module(f"contracts.{context}.events").__name__ for context in PUBLISHERS}
    own = {type: event for type, event in Event.by_type.items() if event.__module__ in modules}
    return dict(sorted(own.items()))


def event_schema(event: type[Event]) -> Schema:
    """The whole message: our envelope, with this type and this data.

    Fields with a default are optional: a message of yesterday may lack them.
    """
    envelope, data = Envelope.model_json_schema(), event.model_json_schema()
    definitions = data.pop("$defs", {})
    context = event.type.partition(".")[0]
    envelope["properties"] |= {
        "source": {"type": "string", "const": f"/guichet/{context}"},
        "type": {"type": "string", "const": event.type},
        "data": {"$ref": f"#/$defs/{event.__name__}"},
    }
    # What CloudEvents requires is always there, although nobody who writes one has to say it.
    constants = [name for name, field in envelope["properties"].items() if "const" in field]
    envelope["required"] = sorted({*envelope["required"], *constants})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{event.type}.json",
        **envelope,
        "title": event.__name__,
        "description": data.get("description", ""),
        "$defs": {event.__name__: data, **definitions},
    }


# ---- AsyncAPI ---------------------------------------------------------------------------------


def asyncapi() -> Schema:
    """Which context publishes which events, in which stream, and which services listen."""
    described = events()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Guichet",
            "version": "1",
            "description": (
                "What the services of Guichet tell each other and other systems. Every message "
                "is a CloudEvent 1.0 in structured JSON, kept in a JetStream stream for ever. "
                "The header Nats-Msg-Id is the event's id, by which a reader knows a repetition. "
                "Order is promised for one aggregate, the last part of the subject. Within a "
                "version (.v1) only new optional fields appear."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "nats": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "Each system has its own user, inbox (_INBOX.<user>) and durables.",
            }
        },
        "channels": {type: channel(event) for type, event in described.items()},
        "operations": dict(operations(described)),
        "components": {
            "messages": {event.__name__: message(event) for event in described.values()}
        },
        "x-jetstream-streams": [stream(context) for context in PUBLISHERS],
    }


def channel(event: type[Event]) -> Schema:
    return {
        "address": f"{event.type}.{{{event.subject_field}}}",
        "description": inspect.getdoc(event),
        "parameters": {event.subject_field: {"description": "The aggregate's id, a UUID."}},
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
        "x-jetstream-stream": stream_name(event.type.partition(".")[0]),
    }


def message(event: type[Event]) -> Schema:
    return {
        "name": event.type,
        "title": event.__name__,
        "contentType": "application/cloudevents+json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"events/{event.type}.json"},
        },
    }


def operations(described: dict[str, type[Event]]) -> Iterator[tuple[str, Schema]]:
    for type in described:
        context = type.partition(".")[0]
        yield f"{context}.sends.{type}", operation("send", context, type)
    for listening in LISTENINGS:
        for type in listening.types:
            yield (
                f"{listening.service}.receives.{type}",
                operation("receive", listening.service, type),
            )


def operation(action: str, service: str, type: str) -> Schema:
    pointer = type.replace("~", "~0").replace("/", "~1")
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{pointer}"},
        "tags": [{"name": service}],
    }


def stream(context: str) -> Schema:
    """`public` streams may be read by other systems, with durables of their own."""
    return {
        "name": stream_name(context),
        "subjects": [f"{context}.>"],
        "public": context in PUBLIC_STREAMS,
        "durables": [
            {"name": listening.service, "filter_subjects": [f"{t}.*" for t in listening.types]}
            for listening in LISTENINGS
            if listening.to == context
        ],
    }


# ---- OpenAPI ----------------------------------------------------------------------------------


def openapi(service: str) -> Schema:
    settings = import_module(f"{service}.settings").Settings(**NOWHERE)
    return import_module(f"{service}.app").create_app(settings).openapi()


# ---- Files ------------------------------------------------------------------------------------


def generated() -> dict[str, str]:
    """Every file of contracts/schemas, by its path there."""
    files = {f"events/{type}.json": as_json(event_schema(e)) for type, e in events().items()}
    files["asyncapi.yaml"] = yaml.safe_dump(
        asyncapi(), sort_keys=False, allow_unicode=True, width=100
    )
    for service in CONTEXTS:
        files[f"openapi/{service}.json"] = as_json(openapi(service))
    return files


def as_json(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def released(type: str, folder: Path = PUBLISHED) -> list[Path]:
    """The copies of one event's schema that went out, oldest first."""
    return sorted((folder / type).glob("*.json"))


def on_main() -> set[Path] | None:
    """The copies that the main branch holds; None if that is unknown; then all of them count."""
    files = history.files_at(history.base().commit, str(PUBLISHED.relative_to(ROOT)))
    return None if files is None else {ROOT / file for file in files}


def release(folder: Path = PUBLISHED, frozen: set[Path] | None = None) -> list[Path]:
    """Append a copy of each schema that says more than the last one released.

    The copy's name holds its number and a digest, so that changing it later shows. Copies beside
    the `frozen` ones are work in progress: they are made again, and nothing has to fit them.
    """
    schemas = {type: event_schema(event) for type, event in events().items()}
    copies = {path.parent.name: path.parent for path in folder.glob("*/*.json")}
    broken = [
        found
        for type in sorted(copies.keys() | schemas.keys())
        for found in breaks(type, schemas.get(type), folder, frozen)
    ]
    if broken:
        raise Breaking("\n".join([*broken, REMEDY]))
    changed = []
    for type in sorted(copies.keys() | schemas.keys()):
        changed += bring_up_to_date(type, schemas.get(type), folder, frozen)
    return changed


REMEDY = """\
These are on the main branch: streams keep such events for ever, and others read them. Either
  - bring back what they had, and give what is new a default: a new optional field is allowed; or
  - leave the class as it is, declare a second one beside it whose type ends in the next version
    (.v2), publish that, and let our handlers listen to both (contracts/src/contracts/topology.py)."""


def breaks(
    type: str, schema: Schema | None, folder: Path, frozen: set[Path] | None = None
) -> list[str]:
    """Changes that readers of the released copies would not understand; `schema` None: removed."""
    copies = [copy for copy in released(type, folder) if frozen is None or copy in frozen]
    if schema is None:
        return [f"{type}: is no event of ours any more (since {copies[0].name})"] if copies else []
    return [
        f"{type}: {found} (since {copy.name})"
        for copy in copies
        for found in breaking_changes(json.loads(copy.read_text()), schema)
    ]


def bring_up_to_date(
    type: str, schema: Schema | None, folder: Path, frozen: set[Path] | None
) -> list[Path]:
    """Remove the drafts that say something else by now, and append what is missing."""
    copies = released(type, folder)
    drafts = [] if frozen is None else [copy for copy in copies if copy not in frozen]
    lasting = [copy for copy in copies if copy not in drafts]
    wanted, text = None, as_json(schema or {})
    if schema is not None and not (
        lasting and means_the_same(json.loads(lasting[-1].read_text()), schema)
    ):
        wanted = folder / type / f"{len(lasting) + 1:03}-{digest(text)}.json"
    changed = [draft for draft in drafts if draft != wanted]
    for draft in changed:
        draft.unlink()
    if wanted is not None and not (wanted.exists() and wanted.read_text() == text):
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.write_text(text)
        changed.append(wanted)
    if changed and not any((folder / type).iterdir()):
        (folder / type).rmdir()
    return changed


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write() -> list[Path]:
    """Bring contracts/schemas and contracts/published up to date; returns the files that changed.

    Raises `Breaking`, and writes nothing, where an event on the main branch would change its
    meaning.
    """
    changed = release(PUBLISHED, on_main())
    files = {SCHEMAS / name: text for name, text in generated().items()}
    for stray in set(SCHEMAS.rglob("*.*")) - files.keys():
        stray.unlink()
        changed.append(stray)
    for path, text in files.items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            changed.append(path)
    return changed
