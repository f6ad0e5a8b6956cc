"""Dependencies and parameters of several routes."""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.convertors import Convertor, register_url_convertor

from chassis.http.auth import Caller, require_role
from chassis.http.session_check import require_session
from contracts.identity.roles import SERVICE, STAFF, Role
from contracts.numbers import LONGEST_NUMBER
from contracts.paging import PAGE_MOST
from tickets.operations.bounds import Bounds
from tickets.operations.files import FileBounds

MayAsk = Depends(require_role(Role.CUSTOMER))
MayRead = Depends(require_role(Role.CUSTOMER, *STAFF))
Customer = Annotated[Caller, MayAsk]
Staff = Annotated[Caller, Depends(require_role(*STAFF))]
VerifiedStaff = Annotated[Caller, Depends(require_session(*STAFF))]
Anyone = Annotated[Caller, MayRead]
Service = Annotated[Caller, Depends(require_role(SERVICE))]

PAGE = 25
LAST_MESSAGES = 30
MEGABYTE = 1024 * 1024

Limit = Annotated[int, Query(ge=1, le=PAGE_MOST, description="The most lines of one page.")]
After = Annotated[str | None, Query(description="The page before this one gave it as `next`.")]
Before = Annotated[str | None, Query(description="What was read so far gave it as `previous`.")]
WithCounts = Annotated[bool, Query(alias="counts", description="Also count every view.")]


async def bounds_of(request: Request) -> Bounds:
    settings = request.app.state.settings
    return Bounds(tickets=settings.tickets_an_hour, messages=settings.messages_an_hour)


async def most_files(request: Request) -> int:
    return request.app.state.settings.files_of_message


async def file_bounds(request: Request) -> FileBounds:
    settings = request.app.state.settings
    return FileBounds(
        files=settings.files_of_message,
        bytes=settings.file_megabytes * MEGABYTE,
        an_hour=settings.files_an_hour,
    )


MostFiles = Annotated[int, Depends(most_files)]
TheFileBounds = Annotated[FileBounds, Depends(file_bounds)]
TheBounds = Annotated[Bounds, Depends(bounds_of)]


class TicketNumber(Convertor[int]):
    """Starlette's own `int` takes numbers that neither PostgreSQL nor Python can read."""

    regex = f"[0-9]{{1,{LONGEST_NUMBER}}}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("ticket", TicketNumber())
