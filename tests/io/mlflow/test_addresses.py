"""A home may lie anywhere: what is in its path is not taken for part of an address."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from planner.io.mlflow.client import database_of
from planner.io.mlflow.home_store import address_of
from tests.support.rotation import in_turn
from tests.support.small_homes import QUICK, cli, make_home

NAMES = st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1)
PRINTABLE = "".join(chr(n) for n in range(0x20, 0x7F) if chr(n) != "/")


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_the_address_of_a_database_leads_to_it_as_those_read_it_who_open_it(names: list[str]) -> None:
    path = Path("/", *names, "mlflow.db")
    assert make_url(address_of(path)).database == str(path)
    assert database_of(address_of(path)) == path


def test_an_address_that_needs_no_quoting_stays_one_that_people_can_read_and_pass_on() -> None:
    assert address_of(Path("/home/ana/my runs/mlflow.db")) == "sqlite:////home/ana/my runs/mlflow.db"


@pytest.mark.slow
@pytest.mark.parametrize("name", in_turn(["100% sure?", PRINTABLE, "a%2Fb#c", "ünï\nçødé"], shares=4))
def test_a_home_of_any_name_runs_and_leaves_nothing_beside_itself(tmp_path: Path, name: str) -> None:
    home = make_home(tmp_path / name, QUICK)
    reply = cli("advance", "quick", "--all", "--json", home=home)
    assert reply.code == 0, reply.err
    assert cli("replay", "quick", home=home).code == 0
    assert cli("doctor", home=home).code == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (home / "mlruns" / "mlflow.db").exists()


@pytest.mark.parametrize("words", [["status"], ["advance", "quick"]], ids=" ".join)
def test_a_path_that_is_too_long_for_sqlite_is_told_at_once(tmp_path: Path, words: list[str]) -> None:
    folder = tmp_path
    while len(str(folder)) < 500:
        folder = folder / ("long" * 20)
    home = make_home(folder, QUICK)
    reply = cli(*words, home=home)
    assert reply.code == 69
    assert "bytes, more than SQLite opens; move the home to a shorter path" in reply.err
