"""A program on a real MLflow server and on a real PostgreSQL, which are killed and come again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.promises.stores.real_stores import STORES, Store, postgres_programs
from tests.support.rotation import in_turn
from tests.support.small_homes import QUICK, cli, make_home
from tests.support.waiting_homes import ends, let_runs_wait, made, start, wait_until_made, wait_until_started

pytestmark = pytest.mark.slow
MANY = 4


@pytest.fixture(params=in_turn(sorted(STORES), shares=len(STORES)))
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "PostgreSQL" and (postgres_programs() is None or find_spec("psycopg") is None):
        pytest.skip("PostgreSQL is not installed here")
    with STORES[request.param]() as running:
        yield running


def at(store: Store) -> dict[str, str]:
    return {"MLFLOW_TRACKING_URI": store.uri}


def concluded(steps: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(s["phase"], s["outcome"], s["case"], s["confidence"]) for s in steps]


def test_a_store_that_is_killed_and_comes_again_costs_no_run_and_changes_no_verdict(
    store: Store, tmp_path: Path, advance_reply: str
) -> None:
    home = let_runs_wait(make_home(tmp_path / "home", QUICK))
    working = start(home, "advance", "quick", "--all", "--jobs", "1", "--json", **at(store))
    wait_until_started(home, 1, working)
    store.kill()
    (home / "go").touch()
    code, out, err = ends(working)
    assert (code, json.loads(out)["code"]) == (69, 69)
    assert "cannot be reached" in err
    assert "secret" not in err
    env = at(store)
    assert cli("advance", "quick", home=home, env=env).code == 69
    assert cli("status", home=home, env=env).code == 0

    store.start()
    reply = cli("advance", "quick", "--all", "--jobs", "1", "--json", home=home, env=env)
    assert reply.code == 0, reply.err
    undisturbed = json.loads(advance_reply)["steps"]
    assert concluded(reply.json["steps"]) == concluded(undisturbed)
    begun = made(home)
    assert len(begun) == len(set(begun)) == sum(step["runs_launched"] for step in undisturbed)
    (status,) = cli("status", "--json", home=home, env=env).json["programs"]
    assert status["spent"]["runs"] == len(begun)
    assert cli("doctor", home=home, env=env).out == "nothing to mend\n"
    for words in (["replay", "quick"], ["memo", "quick", "--verify"]):
        checked = cli(*words, home=home, env=env, cwd=tmp_path)
        assert checked.code == 0, checked.out + checked.err


def test_a_second_home_on_the_same_store_makes_no_run_again(store: Store, tmp_path: Path) -> None:
    env = at(store)
    words = ("advance", "quick", "--all", "--jobs", "1", "--json")
    mine = cli(*words, home=make_home(tmp_path / "mine", QUICK), env=env)
    assert mine.code == 0, mine.err
    theirs = make_home(tmp_path / "theirs", QUICK)
    explained = cli("explain", "quick", "--json", home=theirs, env=env)
    assert explained.json["verdict"]["outcome"] == mine.json["steps"][-1]["outcome"]
    verdict, decision = explained.json["of_other_homes"]
    assert verdict.startswith("v-") and decision == explained.json["decision_id"]
    assert cli("explain", "quick", "--json", home=tmp_path / "mine", env=env).json["of_other_homes"] == []
    reply = cli(*words, home=theirs, env=env)
    assert reply.code == 0, reply.err
    assert sum(step["runs_launched"] for step in reply.json["steps"]) == 0
    (here, there) = (cli("status", "--json", home=home, env=env).json for home in (tmp_path / "mine", theirs))
    assert here == there


def test_first_advances_side_by_side_make_the_tables_once(
    store: Store, fresh_home: Callable[..., Path]
) -> None:
    home = fresh_home(*(QUICK.replace("program: quick", f"program: quick_{i}") for i in range(MANY)))
    working = [
        start(home, "advance", f"quick_{i}", "--jobs", "1", "--json", **at(store)) for i in range(MANY)
    ]
    for code, out, err in map(ends, working):
        assert code == 0, err
        assert [step["outcome"] for step in json.loads(out)["steps"]] == ["fail"]


def test_first_advances_of_many_homes_make_the_tables_once(store: Store, tmp_path: Path) -> None:
    names = [f"quick_{i}" for i in range(MANY)]
    homes = [
        make_home(tmp_path / name, QUICK.replace("program: quick", f"program: {name}")) for name in names
    ]
    working = [start(home, "advance", home.name, "--jobs", "1", "--json", **at(store)) for home in homes]
    for code, out, err in map(ends, working):
        assert code == 0, err
        assert [step["outcome"] for step in json.loads(out)["steps"]] == ["fail"]


def test_two_homes_that_wait_for_each_other_make_each_run_once(store: Store, tmp_path: Path) -> None:
    homes = [make_home(tmp_path / name, QUICK) for name in ("mine", "theirs")]
    env = at(store)
    words = ("advance", "quick", "--all", "--wait", "--jobs", "1", "--json")
    steps = []
    for code, out, err in map(ends, [start(home, *words, **at(store)) for home in homes]):
        assert code == 0, err
        steps += json.loads(out)["steps"]
    assert [(step["outcome"], step["runs_launched"]) for step in steps] == [("fail", 6), ("pass", 3)]
    for home in homes:
        assert cli("doctor", home=home, env=env).out == "nothing to mend\n"
    here, there = (cli("status", "--json", home=home, env=env).json for home in homes)
    assert here == there


def test_another_home_is_told_who_advances_the_program_and_takes_over_when_that_one_is_dead(
    store: Store, tmp_path: Path
) -> None:
    mine, theirs = let_runs_wait(make_home(tmp_path / "mine", QUICK)), make_home(tmp_path / "theirs", QUICK)
    env = at(store)
    working = start(mine, "advance", "quick", "--jobs", "1", **at(store))
    wait_until_made(mine, 1, working)
    refused = cli("advance", "quick", home=theirs, env=env)
    assert (refused.code, refused.out) == (75, "")
    assert f"process {working.pid} on " in refused.err
    assert "secret" not in refused.err
    working.kill()
    working.communicate()
    reply = cli("advance", "quick", "--all", "--json", home=theirs, env=env)
    assert [step["outcome"] for step in reply.json["steps"]] == ["fail", "pass"]
    (mine / "go").touch()
    assert cli("advance", "quick", "--all", "--json", home=mine, env=env).code == 0
    assert cli("doctor", home=mine, env=env).out == "nothing to mend\n"
