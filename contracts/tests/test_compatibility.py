"""Which changes of a released event schema are compatible, and which are refused."""

import copy

import pytest

from contracts.compatibility import breaking_changes, means_the_same

RELEASED = {
    "title": "ParcelSent",
    "description": "A parcel left.",
    "type": "object",
    "properties": {
        "parcel_id": {"type": "string", "format": "uuid", "title": "Parcel Id"},
        "weight": {"type": "integer"},
        "carrier": {"enum": ["post", "bike"], "type": "string"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "content": {"type": "array", "items": {"$ref": "#/$defs/Thing"}},
        "first": {"anyOf": [{"$ref": "#/$defs/Thing"}, {"type": "null"}]},
    },
    "required": ["parcel_id", "weight", "carrier", "content", "first"],
    "$defs": {
        "Thing": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "number": {"type": "integer"}},
            "required": ["title", "number"],
        }
    },
}


@pytest.fixture
def schema():
    return copy.deepcopy(RELEASED)


def test_nothing_changed():
    assert breaking_changes(RELEASED, RELEASED) == []


def test_a_new_optional_field_may_appear(schema):
    schema["properties"]["insured"] = {"type": "boolean", "default": False}
    schema["$defs"]["Thing"]["properties"]["colour"] = {"type": "string", "default": ""}

    assert breaking_changes(RELEASED, schema) == []
    assert not means_the_same(RELEASED, schema)


def test_words_for_people_may_change(schema):
    schema["description"] = "A parcel has left the building."
    schema["properties"]["weight"] |= {"title": "Grams", "description": "Grams.", "examples": [3]}

    assert breaking_changes(RELEASED, schema) == []
    assert means_the_same(RELEASED, schema)


def test_a_definition_may_be_renamed(schema):
    schema["$defs"]["Item"] = schema["$defs"].pop("Thing")
    schema["properties"]["content"]["items"]["$ref"] = "#/$defs/Item"
    schema["properties"]["first"]["anyOf"][0]["$ref"] = "#/$defs/Item"

    assert means_the_same(RELEASED, schema)


# --- Planted violations -----------------------------------------------------------------------


def remove_a_field(schema):
    del schema["properties"]["weight"]
    schema["required"].remove("weight")


def remove_an_optional_field(schema):
    del schema["properties"]["note"]


def rename_a_field(schema):
    schema["properties"]["grams"] = schema["properties"].pop("weight")
    schema["required"][1] = "grams"


def change_a_type(schema):
    schema["properties"]["weight"]["type"] = "number"


def change_a_format(schema):
    schema["properties"]["parcel_id"]["format"] = "uri"


def make_a_field_optional(schema):
    schema["required"].remove("weight")


def make_a_field_required(schema):
    schema["required"].append("note")


def add_a_required_field(schema):
    schema["properties"]["insured"] = {"type": "boolean"}
    schema["required"].append("insured")


def add_a_value(schema):
    schema["properties"]["carrier"]["enum"].append("drone")


def replace_a_value(schema):
    schema["properties"]["carrier"]["enum"][1] = "drone"


def add_a_form(schema):
    schema["properties"]["note"]["anyOf"].append({"type": "integer"})


def change_a_default(schema):
    schema["properties"]["note"]["default"] = "fragile"


def change_something_inside_a_list(schema):
    schema["$defs"]["Thing"]["properties"]["number"]["type"] = "string"


def remove_a_field_called_title(schema):
    del schema["$defs"]["Thing"]["properties"]["title"]
    schema["$defs"]["Thing"]["required"].remove("title")


def refuse_unknown_fields(schema):
    schema["additionalProperties"] = False


VIOLATIONS = {
    remove_a_field: "event.weight disappeared",
    remove_an_optional_field: "event.note disappeared",
    rename_a_field: "event.weight disappeared",
    change_a_type: "event.weight.type changed from integer to number",
    change_a_format: "event.parcel_id.format changed from uuid to uri",
    make_a_field_optional: "event.weight became optional",
    make_a_field_required: "event.note is newly required",
    add_a_required_field: "event.insured is newly required",
    add_a_value: "event.carrier.enum changed from ['post', 'bike'] to ['post', 'bike', 'drone']",
    replace_a_value: "event.carrier.enum.1 changed from bike to drone",
    add_a_form: "event.note.anyOf changed",
    change_a_default: "event.note.default changed from None to fragile",
    change_something_inside_a_list: "event.content.items.number.type changed",
    remove_a_field_called_title: "event.content.items.title disappeared",
    refuse_unknown_fields: "event.additionalProperties changed from None to False",
}


@pytest.mark.parametrize("violate", VIOLATIONS, ids=lambda violate: violate.__name__)
def test_anything_else_is_named_as_breaking(schema, violate):
    violate(schema)
    found = breaking_changes(RELEASED, schema)
    assert any(line.startswith(VIOLATIONS[violate]) for line in found), found
