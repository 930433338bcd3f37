"""Real MLflow stores, copied from one template: making a store takes seconds, copying it does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from planner.io.store.run_store import MlflowRuns
from planner.paths import Home


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without experiments of ours; made once for all test processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home = Home(shared / "empty store")
    with FileLock(shared / "empty store.lock"):
        if not home.database.exists():
            home.root.mkdir()
            MlflowRuns(home)
    return home.database


@pytest.fixture
def new_home(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Home]:
    """Makes a home with a store of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def make() -> Home:
        home = Home(tmp_path / "a home")
        home.mlruns.mkdir(parents=True)
        shutil.copy(empty_store, home.database)
        return home

    return make
