"""« Accessibilité », for anybody."""

from fastapi import APIRouter, Request, Response

from web.shared.accessibility.criteria import audit
from web.shared.rendering import page

router = APIRouter()


@router.get("/accessibilite")
async def declaration(request: Request) -> Response:
    contact = request.app.state.settings.accessibility_contact
    return page(request, "accessibility/declaration.html", audit=audit(), contact=contact)
