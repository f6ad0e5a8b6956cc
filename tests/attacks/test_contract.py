"""Every answer of every service is one that its OpenAPI document announces, whoever asks for what."""

import contextlib
import copy
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from attacks.access import API, ROLES
from attacks.installation import Installation

pytestmark = pytest.mark.timeout(600)  # every operation is asked, by everybody


def kept_by_no_cache(_: object, response: schemathesis.Response, __: Case) -> None:
    assert response.headers["cache-control"] == ["no-store"]


AS_IT_SHOULD_BE, AS_IT_SHOULD_NOT = 3, 1  # cases of each kind for an operation, each by everybody
CHECKS: list[Any] = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    kept_by_no_cache,
]  # fmt: skip
# It goes on until its reader leaves; `test_edge` does.
STREAM = "/api/tickets/stream"
CLOSES_THE_SESSION = "DELETE /api/identity/sessions/current"


def document(guichet: Installation, name: str) -> dict[str, Any]:
    """As the service publishes it, in the version that can be read here; 3.2 has streams besides."""
    described = guichet.services[name].openapi()
    paths = {path: item for path, item in described["paths"].items() if path != STREAM}
    return {**described, "openapi": "3.1.0", "paths": paths}


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(_: schemathesis.SerializationContext, part: Any) -> bytes:
    """A part of a file, which Schemathesis knows no way to write."""
    return part if isinstance(part, bytes) else str(part).encode(errors="replace")


def cases(operation: schemathesis.APIOperation) -> list[Case]:
    """The same ones each time; none of the wrong ones where there is no wrong way to ask."""
    right = drawn(operation.as_strategy(GenerationMode.POSITIVE), AS_IT_SHOULD_BE)
    assert right
    return right + drawn(operation.as_strategy(GenerationMode.NEGATIVE), AS_IT_SHOULD_NOT)


def drawn(strategy: st.SearchStrategy[Case], most: int) -> list[Case]:
    found: list[Case] = []

    def draw(case: Case) -> None:
        found.append(case)

    how = settings(
        max_examples=most, derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    with contextlib.suppress(Unsatisfiable):
        how(given(case=strategy)(draw))()
    return found[:most]


def faults(guichet: Installation, described: dict[str, Any]) -> list[str]:
    """Answers that this document does not announce, a line each."""
    wrong = []
    with requests.Session() as session:
        for found in schemathesis.openapi.from_dict(described).get_all_operations():
            operation = found.ok()  # ty: ignore[missing-union-attribute] -- all can be read
            for position, case in enumerate(cases(operation)):
                if position % 2:  # of what exists; the others of what does not
                    known = guichet.known.items()
                    there = {name: each for name, each in known if name in case.path_parameters}
                    case.path_parameters = {**case.path_parameters, **there}
                for role in ("", *ROLES):
                    person = guichet.people[role]
                    ask: dict[str, Any] = {
                        "base_url": guichet.url,
                        "session": session,
                        "headers": person.header,
                    }
                    try:
                        case.validate_response(case.call(**ask), checks=CHECKS)
                    except FailureGroup as group:
                        reasons = "; ".join(str(failure) for failure in group.exceptions)
                        wrong.append(f"{operation.label} as {role or 'nobody'}: {reasons}")
                    if operation.label == CLOSES_THE_SESSION and person.email:
                        guichet.run(guichet.sign_in(person))
    return wrong


@pytest.mark.parametrize("name", API)
def test_a_service_answers_as_it_announces(guichet, name):
    assert faults(guichet, document(guichet, name)) == []


def test_an_answer_that_is_not_announced_is_found(guichet):
    described = copy.deepcopy(document(guichet, "catalog"))
    path = "/api/catalog/products/{product_id}"
    described["paths"] = {path: described["paths"][path]}
    del described["paths"][path]["get"]["responses"]["401"]
    product = described["components"]["schemas"]["Product"]["properties"]
    product["on_sale"] = {"type": "integer"}
    found = faults(guichet, described)
    assert any("as nobody: Undocumented status code" in line for line in found), found
    assert any("as seller: " in line for line in found), found
