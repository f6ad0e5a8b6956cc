"""Tokens for our own services; only reachable through the internal entry point."""

from chassis.http.routing import Routes
from contracts.identity import api
from identity import tokens
from identity.operations import services
from identity.routes.parameters import TheKeys, TheSettings

router = Routes("identity")


@router.post("/service-tokens")
async def service_token(
    given: api.ServiceSecret, settings: TheSettings, keys: TheKeys
) -> api.AccessToken:
    """A token of the role `service`, for a minute, for whoever knows the service's secret."""
    services.authenticate(given, settings.service_secrets)
    signer = await keys.current()
    return api.AccessToken(
        access_token=signer.service_token(given.service), expires_in=tokens.ACCESS_SECONDS
    )
