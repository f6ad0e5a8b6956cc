"""Who somebody is to the shop: every token carries one of these, and every service obeys it."""

from enum import StrEnum


class Role(StrEnum):
    CUSTOMER = "customer"
    SELLER = "seller"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"


SERVICE = "service"  # no account: one of our services, on its own behalf
STAFF = (Role.SELLER, Role.TECHNICIAN, Role.ADMINISTRATOR)
