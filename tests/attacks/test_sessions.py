"""What a session that is one no more still opens, and whom others' guesses keep out."""

from datetime import timedelta
from uuid import uuid4

import httpx
import jwt
import pytest
from sqlalchemy import text

from attacks.access import ADMINISTRATOR, API, CUSTOMER, PEOPLE, SELLER, TECHNICIAN, address
from attacks.installation import PASSWORD, Installation, Person
from chassis import clock
from identity.models import FREE_FAILURES
from identity.tokens import BROWSERS
from web.shared.browser.cookies import cookie_name

# Signing out again does no harm.
OPEN_TO_THE_PAST = {"DELETE /api/identity/sessions/current"}
ANOTHER_ROLE = {
    CUSTOMER: SELLER, SELLER: TECHNICIAN, TECHNICIAN: SELLER, ADMINISTRATOR: TECHNICIAN,
}  # fmt: skip


async def somebody(guichet: Installation, role: str) -> Person:
    """Who has just been registered."""
    person = Person(role, f"{uuid4()}@example.org")
    new = {
        "first_name": "Camille",
        "last_name": "Test",
        "email": person.email,
        "password": PASSWORD,
    }
    kind = "customers" if role == CUSTOMER else "staff"
    body = new if role == CUSTOMER else {**new, "role": role}
    await guichet.post(f"/api/identity/{kind}", body, guichet.people[ADMINISTRATOR])
    return person


# --- Sessions that are none any more ----------------------------------------------------------


@pytest.mark.parametrize("how", ["ended", "disabled", "another role"])
def test_identity_opens_nothing_to_a_session_that_is_one_no_more(guichet, how):
    guichet.run(nothing_opens(guichet, how))


async def nothing_opens(guichet: Installation, how: str) -> None:
    for role in PEOPLE:
        person = await somebody(guichet, role)
        await guichet.sign_in(person)
        await lose_session(guichet, person, how)
        asked = 0
        for route, allowed in API["identity"].items():
            if role in allowed and route not in OPEN_TO_THE_PAST:
                method, path = route.split()
                answer = await guichet.http.request(method, address(path), headers=person.header)
                assert answer.status_code == 401, (route, role, answer.text)
                assert answer.json()["code"] == "session_ended", (route, role)
                asked += 1
        assert asked > 6
        by_session = {"Authorization": f"Bearer {person.session_token}"}
        answer = await guichet.http.post("/api/identity/tokens", headers=by_session)
        if how == "another role":
            signed = answer.json()["access_token"]
            claims = jwt.decode(signed, options={"verify_signature": False})
            assert claims["role"] == ANOTHER_ROLE[role]
        else:
            assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")


async def lose_session(guichet: Installation, person: Person, how: str) -> None:
    """One thing of it alone: identity itself ends sessions where it takes the rest away."""
    if how == "ended":
        path = "/api/identity/sessions/current"
        assert (await guichet.http.delete(path, headers=person.header)).is_success
        return
    change = {"disabled": "enabled = false", "another role": "role = :role"}[how]
    async with guichet.services["identity"].state.database.transaction() as session:
        await session.execute(
            text(f"UPDATE accounts SET {change} WHERE id = :id"),
            {"id": person.id, "role": ANOTHER_ROLE[person.role]},
        )


# --- Locked out by others -------------------------------------------------------------------------

SHOP = "198.51.100.77"


def test_where_somebody_has_signed_in_before_the_shops_address_keeps_nobody_out(guichet):
    guichet.run(a_morning_at_the_shop(guichet))


async def a_morning_at_the_shop(guichet: Installation) -> None:
    julien, karim = [await somebody(guichet, role) for role in (SELLER, TECHNICIAN)]
    name = cookie_name(guichet.web.state.settings, "browser")
    async with browser_at(guichet) as usual, browser_at(guichet) as new:
        signed_in = await sign_in(usual, julien)
        assert signed_in.status_code == 303
        [cookie] = [
            each
            for each in signed_in.headers.get_list("Set-Cookie")
            if each.startswith(f"{name}=") and "HttpOnly" in each
        ]
        assert f"Max-Age={400 * 24 * 3600}" in cookie
        await is_signed_by_identity(guichet, usual.cookies[name])

        for _ in range(FREE_FAILURES["address"] // 5):
            colleague = await somebody(guichet, SELLER)
            for _ in range(5):
                answer = await sign_in(new, colleague, "pas le bon du tout")
                assert answer.status_code == 401, answer.text

        assert (await sign_in(new, julien)).status_code == 429
        assert (await sign_in(usual, karim)).status_code == 429  # who never signed in there
        assert (await sign_in(usual, julien)).status_code == 303
        known = usual.cookies[name]
        async with browser_at(guichet) as forger:
            forger.cookies.set(name, known[:-8] + known[-8:].swapcase())
            assert (await sign_in(forger, julien)).status_code == 429


def browser_at(guichet: Installation) -> httpx.AsyncClient:
    """A browser in the shop."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(guichet.web),
        base_url="http://guichet.test",
        headers={"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": SHOP},
    )


async def sign_in(
    browser: httpx.AsyncClient, person: Person, password: str = PASSWORD
) -> httpx.Response:
    typed = {"email": person.email, "password": password}
    return await browser.post("/connexion", data=typed)


async def is_signed_by_identity(guichet: Installation, value: str) -> None:
    keys = (await guichet.http.get("/api/identity/keys")).json()["keys"]
    [key] = [key for key in keys if key["kid"] == jwt.get_unverified_header(value)["kid"]]
    claims = jwt.decode(value, jwt.PyJWK(key), algorithms=["EdDSA"], audience=BROWSERS)
    left = claims["exp"] - clock.now().timestamp()
    assert timedelta(days=399) < timedelta(seconds=left) <= timedelta(days=400)
