"""The set-up step of containers: `python -m chassis.messaging.streams`."""

import argparse
import asyncio
import sys

import nats.errors
from nats.js.errors import Error as JetStreamError
from pydantic import Field, SecretStr, field_validator

from chassis.messaging.outages import of_broker
from chassis.messaging.streams.making import set_up
from chassis.messaging.streams.rights import other_systems
from chassis.settings import BROKER_ADDRESS, CommonSettings, WrongSettings, read
from contracts.topology import PUBLISHERS


class SetUpSettings(CommonSettings):
    """Settings of the set-up step, when it does not run in the launcher."""

    nats_url: str = Field(
        "nats://127.0.0.1:4222",
        pattern=BROKER_ADDRESS,
        description="The NATS server; several are separated by commas.",
    )
    nats_admin_password: SecretStr = Field(description="The password of NATS's admin user.")
    subscribers: str = Field(
        "subscriber",
        description="Names of other systems that may read events, separated by commas.",
    )

    @field_validator("subscribers")
    @classmethod
    def check_names(cls, names: str) -> str:
        return ",".join(other_systems(names))

    @property
    def other_systems(self) -> list[str]:
        return other_systems(self.subscribers)


def main() -> None:
    given = argparse.ArgumentParser(
        prog="messaging", description="Make streams and durables, or bring them up to date."
    )
    given.add_argument(
        "--republish",
        nargs="+",
        choices=PUBLISHERS,
        default=[],
        metavar="SERVICE",
        help="recreate its stream; it publishes all of its events again, in order",
    )
    recreate = given.parse_args().republish
    try:
        settings = read(SetUpSettings)
        password = settings.nats_admin_password.get_secret_value()
        asyncio.run(set_up(settings.nats_url, password, settings.other_systems, recreate=recreate))
    except WrongSettings as wrong:
        sys.exit(f"messaging: {wrong}")
    except JetStreamError as refused:
        sys.exit(f"messaging: NATS refuses the streams and durables: {refused!r}")
    except (OSError, nats.errors.Error) as unreachable:
        sys.exit(f"messaging: {of_broker(unreachable, 'GUICHET_NATS_ADMIN_PASSWORD')}")
