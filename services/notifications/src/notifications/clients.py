"""What is fetched when a mail is sent, with this service's own token: secrets and texts."""

from functools import partial
from http import HTTPStatus
from typing import TypeVar
from uuid import UUID

import httpx
from pydantic import ValidationError

from chassis.http.auth import ServiceTokens
from chassis.http.client import Gateway, Problem
from contracts.identity.api import LinkSecret
from contracts.text import Answer
from contracts.tickets.api import TicketSubject, VisibleText

TIMEOUT_SECONDS = 5


AnswerType = TypeVar("AnswerType", bound=Answer)


class Unavailable(Exception):
    """The other service did not answer, or did not accept this service's token."""


class Owners:
    """Identity and tickets, through the internal entry point."""

    def __init__(self, http: httpx.AsyncClient, secret: str) -> None:
        self.gateway = Gateway(http, seconds=TIMEOUT_SECONDS)
        self.tokens = ServiceTokens(http, "notifications", secret)

    async def link_secret(self, link_id: UUID) -> LinkSecret | None:
        """The secret that opens this link; None where identity says that the link has ended."""
        answer = await self.ask("POST", f"/api/identity/links/{link_id}/secret")
        return None if answer is None else read(LinkSecret, answer)

    async def link_refusal(self, link_id: UUID) -> LinkSecret | None:
        """The secret by which the current address can refuse its replacement."""
        answer = await self.ask("POST", f"/api/identity/links/{link_id}/secret/refusal")
        return None if answer is None else read(LinkSecret, answer)

    async def text(self, message_id: UUID) -> str | None:
        """The text of a message that the customer may see, with the names of its files; None for
        any other.
        """
        answer = await self.ask("GET", f"/api/tickets/messages/{message_id}/text")
        if answer is None:
            return None
        message = read(VisibleText, answer)
        return "\n".join([message.text, *(f"\N{PAPERCLIP} {name}" for name in message.files)])

    async def subject(self, number: int) -> str | None:
        """The subject of a request, as its customer wrote it; None for one that does not exist."""
        answer = await self.ask("GET", f"/api/tickets/{number}/subject")
        return None if answer is None else read(TicketSubject, answer).subject

    async def ask(self, method: str, path: str) -> httpx.Response | None:
        """None for a 404 or 409 of the service itself: it does not exist or has ended."""
        try:
            token = await self.tokens.token()
            gateway = self.gateway.on_behalf(token, partial(self.tokens.renewed, token))
            return await gateway.ask(method, path)
        except Problem as problem:
            # A gateway without a route answers 404 as well, but not with one of our problems.
            if problem.status in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT} and problem.is_own:
                return None
            raise Unavailable(f"status {problem.status}") from problem


def read(kind: type[AnswerType], answer: httpx.Response) -> AnswerType:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as unreadable:
        raise Unavailable("unreadable answer") from unreadable
