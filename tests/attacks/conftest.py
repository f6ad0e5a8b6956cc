"""What is attacked in one process."""

from collections.abc import Iterator

import pytest

from attacks.installation import Installation, installation


@pytest.fixture(scope="session")
def guichet() -> Iterator[Installation]:
    with installation() as made:
        yield made
