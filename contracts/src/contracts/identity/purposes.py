"""What a link that is sent by mail is for: identity's API and events share these words."""

from enum import StrEnum


class Purpose(StrEnum):
    PASSWORD = "password"  # noqa: S105 - to choose a new one
    INVITATION = "invitation"  # the first one is chosen
    EMAIL = "email"  # a new address is shown to be its owner's
