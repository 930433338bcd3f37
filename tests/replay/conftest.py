"""Lives that were lived once for all tests that only look at them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.replay.lives import Life
from tests.support.worlds import World


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Life], World]:
    """The world of a life; not to be changed."""

    @cache
    def world_of(life: Life) -> World:
        return life(tmp_path_factory.mktemp(life.__name__))

    return world_of
