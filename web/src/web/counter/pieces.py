"""The counter's answers: JSON that carries pieces of HTML, ready to be shown."""

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
    """What is wrong, and what may be done about it: a `link` or a `button`."""
    return piece(request, "error", **{"link": None, "button": None, "text": text} | offered)


def errors(request: Request, form: Form) -> dict[str, str]:
    """What a refused form says, field by field; `form` speaks for the whole."""
    pieces = {name: error(request, text) for name, text in form.errors.items()}
    return pieces | ({"form": error(request, form.problem)} if form.problem else {})


def answer(**content: Any) -> JSONResponse:
    return JSONResponse(content)
