"""What the catalog service reads from its environment."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service: str = "catalog"
