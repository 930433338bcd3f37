"""One home in which everything has been run and judged, shared by the tests that only need to look at it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.support.rotation import SHARES, a_fifth_of, in_turn
from tests.support.small_homes import QUICK, cli, copy_home, make_home

settings.register_profile("any machine", deadline=None, max_examples=a_fifth_of(100))
settings.load_profile("any machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the tests in turn, each change runs a share of every module's (``tests/support/rotation.py``)."""
    of_module: dict[object, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("in_turn"):
            of_module[item.path].append(item)
    for many in of_module.values():
        left = set(many) - set(in_turn(many, min(SHARES, len(many))))
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def judged_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose program ``quick`` is done; not to be written to. Made once for all test processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home, said = shared / "a judged home", shared / "judged.json"
    with FileLock(shared / "judged.lock"):
        if not said.exists():
            reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=make_home(home, QUICK))
            assert reply.code == 0, reply.err
            said.write_text(reply.out)
    return home


@pytest.fixture(scope="session")
def advance_reply(judged_home: Path) -> str:
    """What ``advance --all --json`` printed when the judged home was made."""
    return (judged_home.parent / "judged.json").read_text()


@pytest.fixture
def own_home(judged_home: Path, tmp_path: Path) -> Path:
    """A copy of the judged home that a test may change."""
    return copy_home(judged_home, tmp_path / "my copy")


@pytest.fixture
def fresh_home(tmp_path: Path) -> Callable[..., Path]:
    """Makes a home without a store, with these programs in it."""
    return lambda *programs: make_home(tmp_path / "a home", *programs)
