"""The settings of sales."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service: str = "sales"
