"""Authenticates our own services."""

import hmac
from collections.abc import Mapping

from contracts.identity import api
from identity.operations.sessions import CredentialsWrong


def authenticate(given: api.ServiceSecret, secrets: Mapping[str, str]) -> None:
    """401 `credentials_wrong`, also for a service that has no secret; compared in constant time."""
    secret = secrets.get(given.service, "")
    if not hmac.compare_digest(secret.encode(), given.secret.encode()) or not secret:
        raise CredentialsWrong("no service has this name and secret")
