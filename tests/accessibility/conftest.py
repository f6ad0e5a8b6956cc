"""The people, windows and data of the stories, for walks over every page that take long."""

from e2e.conftest import (  # noqa: F401 - fixtures
    cast,
    chromium,
    closed,
    customer,
    customer_account,
    dataset,
    mailbox,
    seller,
    seller_account,
    technician,
    technician_account,
    windows,
)
