"""Whoever is signed out, disabled or robbed of a session is out, at once or within a minute."""

import pytest

from chassis.http import session_check
from faults.signed_out import SERVICES

MINUTE = 60


async def test_a_closed_session_is_worth_no_new_token_at_once(shop, customer):
    await customer.get("/api/identity/me")
    closed = await customer.call("DELETE", "/api/identity/sessions/current")
    assert closed.status_code == 204, closed.text

    refused = await customer.exchange()
    assert refused.status_code == 401
    assert refused.json()["code"] == "session_ended"
    assert refused.headers["WWW-Authenticate"] == "Bearer"


async def test_a_password_change_ends_every_other_session(shop, customer):
    elsewhere = customer.elsewhere()
    await elsewhere.token()
    change = {"current_password": customer.password, "new_password": "neuf tortues lentes"}
    changed = await customer.call("PUT", "/api/identity/me/password", change)
    assert changed.status_code == 204, changed.text

    assert (await elsewhere.exchange()).status_code == 401
    assert (await customer.exchange()).status_code == 200


async def test_a_disabled_member_of_staff_is_worth_no_new_token_at_once(shop):
    leaver = await shop.hire("technician", "Paul", "Partant")
    await leaver.token()
    path = f"/api/identity/staff/{leaver.id}"
    disabled = await shop.administrator.call("PATCH", path, {"enabled": False})
    assert disabled.status_code == 200, disabled.text

    assert (await leaver.exchange()).status_code == 401
    body = {"email": leaver.email, "password": leaver.password}
    assert (await shop.http.post("/api/identity/sessions", json=body)).status_code == 401


@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_token_every_service_refuses(shop, service):
    refused = await shop.http.get(SERVICES[service].removeprefix("GET "))

    assert refused.status_code == 401
    assert refused.json()["code"] == "unauthenticated"


async def test_a_signed_out_session_is_refused_everywhere_within_a_minute(signed_out):
    accepted_until = await signed_out

    assert accepted_until.keys() == set(SERVICES.values())
    assert max(accepted_until.values()) <= MINUTE


async def test_who_has_lost_a_role_has_its_power_and_its_lists_for_ten_seconds_more(changed):
    accepted_until = await changed

    assert len(accepted_until) > 20
    assert max(accepted_until.values()) <= session_check.SECONDS, accepted_until
