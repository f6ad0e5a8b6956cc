"""A form that nobody can take now comes back with what was typed, and is then taken once."""

import asyncio
import contextlib
import html
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from local.launcher.stack import Stack
from shop import Account, new_request
from waiting import eventually
from web.shared.forms import form_token


@dataclass
class Browser:
    """Of somebody whose session web has not seen yet, so that it has no token of theirs."""

    person: Account
    http: httpx.AsyncClient
    form_token: str

    async def sends(self, address: str, typed: dict[str, str]) -> httpx.Response:
        name, session = await self.person.cookie()
        headers = {"Cookie": f"{name}={session}", "Sec-Fetch-Site": "same-origin"}
        guarded = {"form_token": self.form_token, **typed}
        return await self.http.post(address, data=guarded, headers=headers)


async def browser_of(person: Account, stack: Stack) -> Browser:
    here = person.elsewhere()
    session = await here.session()
    return Browser(here, here.http, form_token(stack.vault["web"], UUID(here.id), session))


@pytest.fixture
async def number(shop, customer, product) -> int:
    sale = await shop.sell(customer, product)

    async def opened() -> int:
        answer = await customer.call("POST", "/api/tickets", new_request(sale["id"]))
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    return await eventually(opened)


def given_back(answer: httpx.Response) -> dict[str, str]:
    """What the answer's form would send; it says when to come again."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    fields = re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', answer.text)
    fields += re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n?([^<]*)</textarea>', answer.text)
    return {name: html.unescape(value) for name, value in fields}


@contextlib.asynccontextmanager
async def rows_held(stack: Stack) -> AsyncGenerator[None]:
    """Requests may be read, and not written, until somebody lets go of them."""
    url = stack.database_url("tickets").replace("+psycopg", "", 1)
    async with await psycopg.AsyncConnection.connect(url) as holder:
        await holder.execute("LOCK TABLE tickets IN EXCLUSIVE MODE")
        yield


@contextlib.asynccontextmanager
async def identity_away(stack: Stack) -> AsyncGenerator[None]:
    identity = stack.services["identity"]
    await asyncio.to_thread(identity.stop)
    try:
        yield
    finally:
        identity.start()
        await asyncio.to_thread(identity.wait_for, identity.is_ready, 60)
        await asyncio.to_thread(stack.gateway.wait_for, stack.routes_to_all, 60)


@contextlib.asynccontextmanager
async def postgresql_away(stack: Stack) -> AsyncGenerator[None]:
    postgres = stack.postgres
    assert postgres is not None
    await asyncio.to_thread(postgres.stop)
    try:
        yield
    finally:
        postgres.start()
        await asyncio.to_thread(postgres.wait_for, postgres.is_ready, 60)
        await asyncio.to_thread(stack.gateway.wait_for, stack.routes_to_all, 60)


@pytest.mark.parametrize("trouble", [rows_held, identity_away, postgresql_away])
async def test_what_was_typed_comes_back_and_is_then_taken_once(
    stack, customer, technician, number, trouble
):
    hers, his = await asyncio.gather(*(browser_of(each, stack) for each in (customer, technician)))
    sent = [
        (hers, f"/mes-demandes/{number}", {"answer": "send", "text": "Rien <de> mieux."}),
        (his, f"/demandes/{number}", {"answer": "send", "kind": "reply", "text": "Et « ceci » ?"}),
    ]
    keyed = [(who, where, {**typed, "form_key": str(uuid4())}) for who, where, typed in sent]
    async with trouble(stack):
        answers = await asyncio.gather(*(who.sends(where, typed) for who, where, typed in keyed))
        again = [given_back(answer) for answer in answers]
    for (_, _, typed), back in zip(keyed, again, strict=True):
        assert (back["text"], back["form_key"]) == (typed["text"], typed["form_key"])

    async def taken() -> None:
        for (who, where, typed), back in zip(keyed, again, strict=True):
            answer = await who.sends(where, {**back, "answer": "send", "anyway": "send"})
            assert answer.status_code == 303, (answer.status_code, typed)

    await eventually(taken)
    await taken()
    thread = await customer.get(f"/api/tickets/{number}")
    texts = [message["text"] for message in thread["messages"]][1:]
    assert sorted(texts) == sorted(typed["text"] for _, _, typed in sent)
