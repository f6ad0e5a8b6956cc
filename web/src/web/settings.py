"""The settings of web."""

import hashlib
import hmac
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr

from chassis.settings import CommonSettings


class WebSettings(CommonSettings):
    """GUICHET_WEB_SECRET has no default: forms are only as safe as it is."""

    web_secret: SecretStr = Field(
        min_length=32,
        description="A random key of at least 32 characters that signs form tokens and encrypts cookies. All"
        " replicas of web need the same value. After a change everybody has to sign in again.",
    )
    assets: Path = Field(
        Path(__file__).parents[3] / "node_modules",
        description="The folder into which npm installed htmx, the fonts and the icons.",
    )

    caught_mail: Path | None = Field(
        None,
        description="The Maildir of the local stack's mail catcher, which administrators may read."
        " Never set it where real people's mail is.",
    )
    accessibility_contact: str = Field(
        "",
        description="The e-mail address to which people may write who meet a barrier; the page"
        " « Accessibilité » shows it. Without one the page sends them to the shop.",
    )
    streams: int = Field(
        500,
        ge=1,
        description="The maximum number of live streams (server-sent events) that one process keeps"
        " open; further ones get 503.",
    )

    @property
    def over_tls(self) -> bool:
        return self.public_url.startswith("https:")

    @property
    def installation(self) -> str:
        """Distinguishes installations on the same host name, where browsers share cookies across
        ports.
        """
        return installation_of(self.web_secret.get_secret_value())


@lru_cache(maxsize=1)  # asked by every cookie of every request
def installation_of(web_secret: str) -> str:
    return hmac.new(web_secret.encode(), b"installation", hashlib.sha256).hexdigest()[:8]


Settings = WebSettings  # the name under which every process keeps its own
