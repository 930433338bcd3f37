"""Many processes on one home: one works on a program, the others wait or are told; readers never block."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.small_homes import QUICK, cli
from tests.support.store_view import mlflow_runs_of
from tests.support.waiting_homes import WAITING, ends, let_runs_wait, start, wait_until_made, wait_until_said
from tests.support.warm import Script

pytestmark = pytest.mark.slow
MANY = 8


def named(number: int) -> str:
    return QUICK.replace("program: quick", f"program: quick_{number}")


def test_eight_first_advances_on_an_empty_home_give_one_store_and_no_error(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(*(named(i) for i in range(MANY)))
    working = [start(home, "advance", f"quick_{i}", "--jobs", "1", "--json") for i in range(MANY)]
    for code, out, err in map(ends, working):
        assert code == 0, err
        assert [step["outcome"] for step in json.loads(out)["steps"]] == ["fail"]
    made = Counter(run.program for run in mlflow_runs_of(home, "run"))
    assert made == {f"quick_{i}": 6 for i in range(MANY)}
    assert sorted(path.name for path in (home / "mlruns").glob("*.db")) == ["journal.db", "mlflow.db"]
    programs = cli("status", "--json", home=home).json["programs"]
    assert [p["spent"]["runs"] for p in programs] == [6] * MANY


def test_eight_readers_of_a_home_whose_journal_is_gone_rebuild_it_once(own_home: Path) -> None:
    before = cli("status", "--json", home=own_home).out
    for file in (own_home / "mlruns").glob("journal.db*"):
        file.unlink()
    readers = [start(own_home, "status", "--json") for _ in range(MANY)]
    for code, out, err in map(ends, readers):
        assert (code, out, err) == (0, before, "")
    assert not list((own_home / "mlruns").glob("*.part*"))


@pytest.fixture
def held(fresh_home: Callable[..., Path]) -> Iterator[tuple[Path, Script]]:
    """A home whose program is being advanced, and by whom; its run goes on when ``go`` is there."""
    home = let_runs_wait(fresh_home(QUICK, named(1)))
    working = start(home, "advance", "quick", "--jobs", "1", "--json")
    wait_until_made(home, 1, working)
    yield home, working
    working.kill()
    working.communicate()


def test_a_second_advance_is_told_at_once_who_holds_the_program_and_since_when(
    held: tuple[Path, Script],
) -> None:
    home, working = held
    others = [start(home, "advance", "quick") for _ in range(3)]
    for code, out, err in map(ends, others):
        assert (code, out) == (75, "")
        assert f"quick is being advanced by process {working.pid} on " in err
        assert " since 20" in err
        assert "wait for it with --wait" in err
    assert working.poll() is None
    (home / "go").touch()
    assert ends(working)[0] == 0


def test_one_that_waits_goes_on_where_the_first_ended(held: tuple[Path, Script]) -> None:
    home, working = held
    waiting = start(home, "advance", "quick", "--all", "--wait", "--jobs", "1", "--json")
    wait_until_said(waiting, f"quick is being advanced by process {working.pid}")
    (home / "go").touch()
    assert ends(working)[0] == 0
    code, out, err = ends(waiting)
    assert code == 0, err
    assert [(s["phase"], s["runs_launched"]) for s in json.loads(out)["steps"]] == [("second", 3)]


def test_with_all_the_other_programs_are_advanced_and_the_held_one_is_named(
    held: tuple[Path, Script],
) -> None:
    home, working = held
    (home / "experiments" / "free.py").write_text(
        (home / "experiments" / "quick.py").read_text().replace(WAITING, "")
    )
    other = home / "knowledge" / "programs" / "quick_1.yaml"
    other.write_text(other.read_text().replace("experiment: quick", "experiment: free"))
    code, out, err = ends(start(home, "advance", "--all", "--jobs", "1", "--json"))
    assert code == 75, err
    assert {step["outcome"] for step in json.loads(out)["steps"]} == {"fail", "pass"}
    assert f"quick is being advanced by process {working.pid}" in err


@pytest.mark.parametrize(
    "words", [["status"], ["graph", "quick"], ["knowledge"], ["check", "quick"], ["programs"]]
)
def test_readers_do_not_wait_for_who_works(held: tuple[Path, Script], words: list[str]) -> None:
    home, working = held
    assert cli(*words, home=home).code == 0
    assert working.poll() is None
