"""Checks that a new event schema is compatible: old readers can read new events, new ones old."""

from typing import Any

Schema = dict[str, Any]

# What a person reads; no program depends on it.
WORDS = frozenset({"title", "description", "examples", "$comment"})


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Name each difference that is more than a new optional field.

    A stream keeps its events for ever, so both ways count: a field that becomes required is
    missing in the events of yesterday, one that becomes optional will be missing tomorrow. New
    values of a closed set and new forms of a value are surprises as well.
    """
    return differences(inline(old, old), inline(new, new), "event")


def means_the_same(old: Schema, new: Schema) -> bool:
    """Whether only words for people differ."""
    return inline(old, old) == inline(new, new)


def differences(old: Any, new: Any, path: str) -> list[str]:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [found for n, pair in pairs for found in differences(*pair, f"{path}.{n}")]
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"{path} changed from {old} to {new}"]
    found = []
    for keyword in sorted((old.keys() | new.keys()) - {"properties", "required"}):
        found += differences(old.get(keyword), new.get(keyword), f"{path}.{keyword}")
    return found + fields_changed(old, new, path)


def fields_changed(old: Schema, new: Schema, path: str) -> list[str]:
    were, are = old.get("properties", {}), new.get("properties", {})
    needed, still_needed = set(old.get("required", [])), set(new.get("required", []))
    found = [f"{path}.{name} disappeared" for name in sorted(were.keys() - are.keys())]
    for name in sorted(were.keys() & are.keys()):
        found += differences(were[name], are[name], f"{path}.{name}")
    shared = were.keys() & are.keys()
    found += [f"{path}.{name} became optional" for name in sorted((needed - still_needed) & shared)]
    found += [f"{path}.{name} is newly required" for name in sorted(still_needed - needed)]
    return found


def inline(schema: Any, root: Schema) -> Any:
    """The schema with its definitions put in place and its words left out.

    So renaming or moving a definition changes nothing. Our events are trees: none contains itself.
    """
    if isinstance(schema, list):
        return [inline(part, root) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        definition = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        schema = definition | {key: value for key, value in schema.items() if key != "$ref"}
    return {
        key: inline_fields(value, root) if key == "properties" else inline(value, root)
        for key, value in schema.items()
        if key not in WORDS and key not in {"$defs", "$id", "$schema"}
    }


def inline_fields(fields: Schema, root: Schema) -> Schema:
    """The names of fields are data: one may be called `title`."""
    return {name: inline(field, root) for name, field in fields.items()}
