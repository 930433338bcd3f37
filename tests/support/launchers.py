"""The launchers whose runs have processes of their own, by name: what is added here is held to every promise.

``tests/io/workers/test_launcher.py`` (``TestEveryLauncher``) says what the events and folders of runs are,
``tests/io/contracts/test_run_processes.py`` that no run depends on another, is seeded, leaves nothing at work
and is gone with its planner.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from planner.io.workers.launcher import LocalLauncher

PROCESS_LAUNCHERS: dict[str, Any] = {"forked": LocalLauncher, "spawned": partial(LocalLauncher, spawn=True)}
"""Name -> what takes (home, workers, log folder)."""
EACH = ["forked", pytest.param("spawned", marks=[pytest.mark.slow, pytest.mark.in_turn])]
"""Those that start an interpreter for every run are left to the slow tests, and come round in turn."""
