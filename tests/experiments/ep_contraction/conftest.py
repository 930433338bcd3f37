"""No test sees the checkpoint of another."""

from __future__ import annotations

import pytest

from experiments import ep_contraction as study


@pytest.fixture(autouse=True)
def nothing_kept_from_other_tests():
    study._checkpoint.cache_clear()
