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
    """Exchange a service's secret for a token with the role `service`, valid for a minute."""
    services.authenticate(given, settings.service_secrets)
    signer = await keys.current()
    return api.AccessToken(
        access_token=signer.service_token(given.service), expires_in=tokens.ACCESS_SECONDS
    )
