"""The counter's answers to scripts: JSON with pieces of HTML, ready to be shown."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from web.shared.forms import Form


def piece(request: Request, template: str, **context: Any) -> str:
    """One of the counter's small templates, as HTML."""
    templates = request.app.state.templates
    return templates.get_template(f"counter/pieces/{template}.html").render(
        form_token="", **context
    )


def error(request: Request, text: str, **offered: Any) -> str:
    """An error, and what can be done about it: a `link` or a `button`."""
    return piece(request, "error", **{"link": None, "button": None, "text": text} | offered)


def errors(request: Request, form: Form) -> dict[str, str]:
    """The errors of a form, field by field; `form` for the whole."""
    pieces = {name: error(request, text) for name, text in form.errors.items()}
    return pieces | ({"form": error(request, form.problem)} if form.problem else {})


def answer(**content: Any) -> JSONResponse:
    return JSONResponse(content)
