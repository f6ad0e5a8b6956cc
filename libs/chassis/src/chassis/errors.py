"""Refusals, and the one place that turns every error into an RFC 9457 problem."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from chassis.monitoring.metrics import REFUSALS
from contracts.text import MAX_ERRORS, FieldError, Problem

log = structlog.get_logger()

Context = Mapping[str, str | int | float | bool | None]


class Refusal(Exception):
    """An operation declined for a reason that the caller can act on.

    `code` is stable and known to every client; `field` names the part of the body at fault;
    `context` holds the facts that a message may want to name, never a secret.
    """

    status: int = 409
    code: str = "refused"

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        context: Context | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail, self.field = detail, field
        self.context, self.retry_after = dict(context or {}), retry_after


class Malformed(Refusal):
    status, code = 422, "invalid"


class NotFound(Refusal):
    status, code = 404, "not_found"


class Forbidden(Refusal):
    status, code = 403, "forbidden"


class Unauthenticated(Refusal):
    status, code = 401, "unauthenticated"


class TooMany(Refusal):
    status, code = 429, "too_many"


class Unavailable(Refusal):
    status, code = 503, "unavailable"

    def __init__(self, detail: str, *, retry_after: float = 1, **more: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **more)


class Busy(Unavailable):
    code = "busy"


PROBLEM = "application/problem+json"

# What every route may answer besides its own, for the OpenAPI pages. FastAPI makes a validator of
# each `model` for each route: one alone makes the form known, to which the others refer.
A_PROBLEM = {PROBLEM: {}, "application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "content": {PROBLEM: {}}, "description": "Unreadable request"},
} | {
    status: {"content": A_PROBLEM, "description": description}
    for status, description in {
        401: "Who are you?",
        403: "Your role may not",
        404: "Not there, or not yours to see",
        409: "The situation forbids it",
        412: "Not in the protocol that the route speaks",
        413: "More than the route needs",
        415: "Not of the kind that the route takes",
        422: "Malformed",
        429: "Too many; see Retry-After",
        503: "Not now; see Retry-After",
    }.items()
}


def answer(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[FieldError] | None = None,
    context: Context | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        errors=errors or [],
        context=dict(context or {}),
    )
    return JSONResponse(
        problem.model_dump(), status_code=status, media_type=PROBLEM, headers=headers
    )


async def refused(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Refusal):
        raise error
    REFUSALS.labels(error.code).inc()
    errors = []
    if error.field is not None:
        errors = [
            FieldError(
                field=error.field, code=error.code, detail=error.detail, context=error.context
            )
        ]
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return answer(
        error.status,
        error.code,
        error.detail,
        errors=errors,
        context=error.context,
        headers=headers,
    )


async def malformed(_: Request, error: Exception) -> JSONResponse:
    """Pydantic's first errors, without the input, which may be a secret."""
    if not isinstance(error, RequestValidationError):
        raise error
    REFUSALS.labels("invalid").inc()
    errors = [field_error(found) for found in error.errors()[:MAX_ERRORS]]
    detail = "; ".join(f"{found.field}: {found.detail}" for found in errors)
    return answer(422, "invalid", detail, errors=errors)


LONGEST_FIELD = 200

# Pydantic's own names where the contracts have one: it looks for lone surrogates before we do
# wherever it strips blanks.
CODES_OF_PYDANTIC = {"missing": "required", "string_unicode": "text_surrogate"}


def field_error(found: Mapping[str, Any]) -> FieldError:
    path = [str(part) for part in found["loc"] if part not in {"body", "query", "path", "header"}]
    code = CODES_OF_PYDANTIC.get(found["type"], found["type"])
    context = {
        key: value
        for key, value in (found.get("ctx") or {}).items()
        if isinstance(value, str | int | float | bool)
    }
    return FieldError(
        field=".".join(path)[:LONGEST_FIELD], code=code, detail=found["msg"], context=context
    )


CODES_OF_STATUS = {
    400: "unreadable",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "media_type_not_supported",
}


async def http_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    code = CODES_OF_STATUS.get(error.status_code, "refused")
    return answer(error.status_code, code, str(error.detail), headers=dict(error.headers or {}))


async def failed(_: Request, __: Exception) -> JSONResponse:
    return answer(500, "failed", "the service failed; the failure is in its log")


def install(app: FastAPI) -> None:
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, failed)
