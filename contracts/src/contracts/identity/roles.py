"""The roles of people and services; every token carries one, and every service checks it."""

from enum import StrEnum


class Role(StrEnum):
    CUSTOMER = "customer"
    SELLER = "seller"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"


SERVICE = "service"  # no account: one of our services, on its own behalf
STAFF = (Role.SELLER, Role.TECHNICIAN, Role.ADMINISTRATOR)
