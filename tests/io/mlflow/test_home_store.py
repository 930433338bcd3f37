"""A home remembers the MLflow store that it writes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.errors import StoreUnavailable
from planner.io.mlflow.home_store import own_uri, remember, store_uri
from planner.paths import Home
from tests.support.small_homes import QUICK, cli, make_home

VARIABLE = "MLFLOW_TRACKING_URI"


def test_a_home_of_its_own_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    home = Home(tmp_path)
    remember(home)
    assert not home.store_file.exists()
    assert store_uri(home) == own_uri(home)


def test_another_store_is_found_again_without_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "sqlite:///elsewhere.db")
    remember(home)
    monkeypatch.delenv(VARIABLE)
    assert store_uri(home) == f"sqlite:///{tmp_path / 'elsewhere.db'}"


def test_a_password_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    monkeypatch.setenv(VARIABLE, "postgresql://me:secret@host/runs")
    remember(home)
    assert "secret" not in home.store_file.read_text()
    remember(home)  # the same store, with its password
    monkeypatch.setenv(VARIABLE, "postgresql://me:secret@other/runs")
    with pytest.raises(StoreUnavailable, match="the records of .* are in postgresql://host/runs"):
        remember(home)


def test_a_file_that_names_no_store_says_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    home = Home(tmp_path)
    home.mlruns.mkdir()
    for text in ("store = 3", "nothing", 'uri = "x"'):
        home.store_file.write_text(text)
        with pytest.raises(StoreUnavailable, match="write one line"):
            store_uri(home)


def test_a_forgotten_variable_costs_no_run_and_another_store_is_refused(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", QUICK)
    env = {VARIABLE: f"sqlite:///{tmp_path / 'elsewhere.db'}"}
    assert cli("advance", "quick", home=home, env=env).code == 0
    again = cli("advance", "quick", "--all", "--json", home=home)
    assert again.code == 0, again.err
    assert not (home / "mlruns" / "mlflow.db").exists()
    other = cli("advance", "quick", home=home, env={VARIABLE: f"sqlite:///{tmp_path / 'third.db'}"})
    assert other.code == 69
    assert "unset MLFLOW_TRACKING_URI" in other.err
    assert cli("status", home=home).code == 0
