"""Homes that use one store hold a program against each other, as far as a tag can."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from planner.errors import ProgramBusy, StoreUnavailable
from planner.io.leases import store_lease as shared_lease
from planner.io.leases.heartbeat import DEAD_SECONDS
from planner.io.leases.program_lock import program_lock, this_process
from planner.io.leases.store_lease import SharedLease
from planner.io.mlflow import tags
from planner.io.mlflow.home_store import own_uri
from planner.paths import Home

NOW = 1_000_000.0
SERVER = "http://somewhere:5000"


class Tags:
    """An experiment's tags, as MLflow's client gives and takes them; ``after`` is called on every write."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.after: Callable[[], object] = lambda: None
        self.is_down = False

    def get_experiment(self, _: str) -> Any:
        return SimpleNamespace(tags=dict(self.held))

    def set_experiment_tag(self, _: str, name: str, value: str) -> None:
        if self.is_down:
            raise ConnectionError("connection refused")
        self.held[name] = value
        self.after()

    def delete_experiment_tag(self, _: str, name: str) -> None:
        assert not self.is_down
        del self.held[name]


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_lease, "LOOKS_AGAIN", 0.0)
    monkeypatch.setattr(shared_lease, "POLL_SECONDS", 0.0)


@pytest.fixture
def store() -> Tags:
    return Tags()


def lease(store: Tags, folder: Path, uri: str = SERVER) -> SharedLease:
    clock: Any = SimpleNamespace(now=lambda: "2026-01-01T00:00:00+00:00", seconds=lambda: NOW)
    client: Any = store
    return SharedLease(client, uri, Home(folder), "quick", "1", clock)


def note(**other: Any) -> str:
    holder = {**this_process("earlier"), "host": "elsewhere", "home": "another", "beat": NOW - 10.0}
    return json.dumps({**holder, **other})


def test_who_holds_it_is_named_while_it_lasts_and_nobody_afterwards(store: Tags, tmp_path: Path) -> None:
    with lease(store, tmp_path / "mine").held():
        with pytest.raises(ProgramBusy, match=f"process {os.getpid()} on .* since 2026-01-01"):
            lease(store, tmp_path / "theirs").held().__enter__()
        assert tags.HOLDER in store.held
    assert store.held == {}
    with lease(store, tmp_path / "theirs").held():
        pass


def test_it_is_given_back_when_the_work_ends_in_an_error(store: Tags, tmp_path: Path) -> None:
    for error in (ValueError("wrong"), KeyboardInterrupt()):
        with pytest.raises(type(error)), lease(store, tmp_path).held():
            raise error
        assert store.held == {}


def test_two_homes_that_write_the_first_tag_at_once_are_both_heard(store: Tags, tmp_path: Path) -> None:
    def other_was_first() -> None:
        store.after = lambda: None
        store.held[tags.HOLDER] = note()
        raise ValueError("UNIQUE constraint failed: experiment_tags.key, experiment_tags.experiment_id")

    store.after = other_was_first
    with lease(store, tmp_path / "mine").held():
        assert f'"pid": {os.getpid()}' in store.held[tags.HOLDER]


def test_nothing_is_asked_of_a_store_that_is_down(store: Tags, tmp_path: Path) -> None:
    with suppress(StoreUnavailable), lease(store, tmp_path).held():
        store.is_down = True
        raise StoreUnavailable("down")
    with pytest.raises(StoreUnavailable, match="cannot be reached"), lease(store, tmp_path).held():
        pass


@pytest.mark.parametrize("silent", [0.0, DEAD_SECONDS - 1, -DEAD_SECONDS + 1])
def test_a_planner_elsewhere_that_gave_a_sign_of_life_is_believed(
    store: Tags, tmp_path: Path, silent: float
) -> None:
    store.held[tags.HOLDER] = text = note(beat=NOW - silent)
    with pytest.raises(ProgramBusy, match="on elsewhere since earlier"):
        lease(store, tmp_path).held().__enter__()
    assert store.held[tags.HOLDER] == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(note(beat=NOW - DEAD_SECONDS - 1), id="silent for too long"),
        pytest.param(note(**{**this_process("earlier"), "started": 1.0}), id="a process here that is gone"),
        pytest.param("", id="nothing"),
        pytest.param("{", id="no JSON"),
        pytest.param("[1]", id="no mapping"),
        pytest.param('{"pid": "x"}', id="no process"),
        pytest.param(note(beat="now"), id="no time"),
        pytest.param(note(host=this_process("")["host"], pid=10**400), id="no process can have that number"),
        pytest.param(note(beat=float("nan")), id="no time at all"),
        pytest.param(note(beat=NOW + DEAD_SECONDS + 1), id="a clock that nobody can go by"),
    ],
)
def test_a_note_of_nobody_holds_nobody_up(store: Tags, tmp_path: Path, text: str) -> None:
    store.held[tags.HOLDER] = text
    with lease(store, tmp_path).held():
        assert json.loads(store.held[tags.HOLDER])["pid"] == os.getpid()


def test_a_home_takes_up_what_its_own_planner_left(store: Tags, tmp_path: Path) -> None:
    lease(store, tmp_path).held().__enter__()
    with lease(store, tmp_path).held():
        pass
    assert store.held == {}


def test_of_two_that_write_at_once_the_last_goes_on(store: Tags, tmp_path: Path) -> None:
    store.after = lambda: store.held.update({tags.HOLDER: note()})
    with pytest.raises(ProgramBusy):
        lease(store, tmp_path).held().__enter__()


def test_who_is_stopped_before_it_has_looked_again_leaves_no_note(
    store: Tags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: float) -> None:
        assert tags.HOLDER in store.held
        raise KeyboardInterrupt

    monkeypatch.setattr(shared_lease.time, "sleep", stopped)
    with pytest.raises(KeyboardInterrupt):
        lease(store, tmp_path).held().__enter__()
    assert store.held == {}


@pytest.mark.parametrize("text", [note(), "[1]", "{"])
def test_a_note_that_another_wrote_meanwhile_is_neither_replaced_nor_deleted(
    store: Tags, tmp_path: Path, text: str
) -> None:
    mine = lease(store, tmp_path)
    with mine.held():
        store.held[tags.HOLDER] = text
        if text == note():
            mine._beat("later")
            assert store.held == {tags.HOLDER: text}
    assert store.held == {tags.HOLDER: text}


def test_who_waits_says_for_whom_once_and_goes_on_when_it_is_free(store: Tags, tmp_path: Path) -> None:
    store.held[tags.HOLDER] = note()
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        store.held.clear()

    with lease(store, tmp_path).held(wait=True, tell=tell):
        pass
    assert len(said) == 1
    assert said[0].endswith("; waiting")


def test_a_store_of_the_home_alone_gets_no_note(store: Tags, tmp_path: Path) -> None:
    with lease(store, tmp_path, own_uri(Home(tmp_path))).held():
        assert store.held == {}


def test_who_uses_another_homes_database_holds_the_program_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, guest = Home(tmp_path / "owner"), Home(tmp_path / "guest")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", own_uri(owner))
    with program_lock(owner, "quick", "earlier"), pytest.raises(ProgramBusy, match="since earlier"):
        shared_lease.owner_lock(guest, "quick", "later", False, print).__enter__()
    with shared_lease.owner_lock(guest, "quick", "later", False, print), pytest.raises(ProgramBusy):
        program_lock(owner, "quick", "latest").__enter__()


@pytest.mark.parametrize("uri", ["sqlite:////somewhere/shared.db", "sqlite://", SERVER, "sqlite:///m.db"])
def test_a_store_that_is_no_homes_own_has_no_other_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert shared_lease.owner_of_store(Home(tmp_path)) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", own_uri(Home(tmp_path)))
    assert shared_lease.owner_of_store(Home(tmp_path)) is None
