"""The settings of catalog."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service: str = "catalog"
