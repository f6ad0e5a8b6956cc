"""The rules about one session, one link, one count and one account: no database is needed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity.models import SECRETS_STORED, Account, Lifetime, Link, Session, Slowdown

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HOUR, MINUTE, MOMENT = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)


def session(**changes: Any):
    values: dict[str, Any] = {
        "id": uuid4(),
        "account_id": uuid4(),
        "token_hash": b"",
        "opened_at": NOW,
        "last_used_at": NOW,
        "expires_at": NOW + HOUR,
        "user_agent": "Firefox",
    }
    return Session(**values | changes)


def link(**changes: Any):
    values: dict[str, Any] = {
        "id": uuid4(),
        "account_id": uuid4(),
        "purpose": Purpose.PASSWORD,
        "email": "nathalie@example.org",
        "requested_at": NOW,
        "expires_at": NOW + HOUR,
    }
    return Link(**values | changes)


def account(**changes: Any):
    values: dict[str, Any] = {
        "id": uuid4(),
        "role": Role.CUSTOMER,
        "first_name": "Nathalie",
        "last_name": "Rousseau",
        "email": "nathalie@example.org",
        "password_hash": None,
        "registered_at": NOW,
    }
    return Account(**values | changes)


def test_a_session_is_open_until_its_end_or_until_it_is_closed():
    assert session().is_open(NOW + HOUR - MOMENT)
    assert not session().is_open(NOW + HOUR)
    assert not session(revoked_at=NOW).is_open(NOW)


def test_the_use_of_a_session_counts_once_a_minute_and_never_beyond_its_longest():
    used, lifetime = session(), Lifetime(unused=2 * HOUR, most=3 * HOUR)
    used.use(NOW + MINUTE - MOMENT, lifetime)
    assert (used.last_used_at, used.expires_at) == (NOW, NOW + HOUR)
    used.use(NOW + MINUTE, lifetime)
    assert (used.last_used_at, used.expires_at) == (NOW + MINUTE, NOW + MINUTE + 2 * HOUR)
    used.use(NOW + 2 * HOUR, lifetime)
    assert used.expires_at == NOW + 3 * HOUR


def test_a_link_is_over_at_its_end_or_once_it_is_revoked():
    assert not link().is_over(NOW + HOUR - MOMENT)
    assert link().is_over(NOW + HOUR)
    assert link(revoked_at=NOW).is_over(NOW)


def test_of_very_many_secrets_of_a_link_the_last_ones_open_it():
    many = link()
    secrets = [bytes([number]) for number in range(SECRETS_STORED + 1)]
    for secret in secrets:
        many.keep_secret(secret)
    assert many.secret_hashes == secrets[1:]


def test_failures_are_forgotten_after_more_than_a_quarter_of_an_hour():
    for quiet, failures in ((timedelta(minutes=15), 8), (timedelta(minutes=15) + MOMENT, 1)):
        known = Slowdown(kind="account", subject=b"", failures=7, last_failed_at=NOW)
        known.count(NOW + quiet)
        assert (known.failures, known.last_failed_at) == (failures, NOW + quiet)


@pytest.mark.parametrize(
    ("kind", "free"), [("account", 5), ("browser", 5), ("address", 30), ("link", 10)]
)
def test_what_is_free_ends_with_a_wait(kind, free):
    def known(failures: int) -> Slowdown:
        return Slowdown(kind=kind, subject=b"", failures=failures, last_failed_at=NOW)

    assert not known(free - 1).slows_down
    assert known(free).slows_down
    assert known(free - 1).wait(NOW) == timedelta(0)
    assert known(free).wait(NOW) == timedelta(seconds=30)


def test_only_what_is_new_makes_another_version_of_an_account():
    known = account()
    assert known.change(first_name="Nathalie", email="n.rousseau@example.org")
    assert (known.email, known.email_key, known.version) == (*["n.rousseau@example.org"] * 2, 2)
    assert not known.change(first_name="Nathalie", enabled=True)
    assert known.version == 2


def test_who_somebody_is_follows_from_the_role():
    assert account().name == "Nathalie Rousseau"
    assert account().is_customer
    assert not account().is_staff
    for role in (Role.SELLER, Role.TECHNICIAN, Role.ADMINISTRATOR):
        assert account(role=role).is_staff
        assert not account(role=role).is_customer
    assert not account().has_password
    assert account(password_hash="$argon2id$").has_password
