"""What is attacked in one process."""

import gc
from collections.abc import Iterator

import pytest

from attacks.installation import Installation, installation


@pytest.fixture(scope="session")
def guichet() -> Iterator[Installation]:
    with installation() as made:
        yield made


@pytest.fixture
def little_garbage() -> None:
    """What thousands of other tests have left in memory is not searched during a request."""
    gc.collect()
    gc.freeze()
