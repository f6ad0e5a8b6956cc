"""The routes of a service."""

from fastapi import APIRouter

from chassis import errors
from chassis.http.bodies import SHORT_BODY


class Routes(APIRouter):
    """The routes of a context: bodies are bounded, and any may answer with our refusals.

    They are served as they are. `include_router` would make each route again for the first
    request, with all its validators: 5 MiB and a tenth of a second of each process.
    """

    def __init__(self, context: str, *parts: "Routes") -> None:
        super().__init__(
            prefix=f"/api/{context}",
            tags=[context],
            responses=errors.RESPONSES,
            max_body_size=SHORT_BODY,
        )
        self.routes += [route for part in parts for route in part.routes]
