"""What the sales service reads from its environment."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service: str = "sales"
