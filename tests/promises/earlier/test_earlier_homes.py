"""Homes that earlier versions made: everything in them is read, and no finished run is made again."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from planner.io.journal.database import SCHEMA
from tests.support.small_homes import cli, contents

FIXTURES = Path(__file__).parents[2] / "fixtures"
OLDEST, LATEST = "home-2026-11-20", "home-2026-11-24"
PATHS = {
    "mlflow.db": (("experiments", "artifact_location"), ("runs", "artifact_uri")),
    "journal.db": (("work", "folder"),),
}


@pytest.fixture
def earlier(tmp_path: Path) -> Callable[[str], Path]:
    """Unpacks a home, at the place where it now is."""

    def unpack(name: str) -> Path:
        with tarfile.open(FIXTURES / f"{name}.tar.xz") as archive:
            archive.extractall(tmp_path, filter="data")
        home = tmp_path / "home"
        for file, columns in PATHS.items():
            with closing(sqlite3.connect(home / "mlruns" / file)) as db, db:
                for table, column in columns:
                    words = f"UPDATE {table} SET {column} = replace({column}, '/frozen/home', ?)"
                    db.execute(words, (str(home.resolve()),))
        return home

    return unpack


def schema_of(home: Path) -> int:
    with closing(sqlite3.connect(home / "mlruns" / "journal.db")) as db:
        return int(db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()[0])


def tags_of(home: Path, key: str) -> list[str]:
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
        return [str(row[0]) for row in db.execute("SELECT value FROM tags WHERE key = ?", (key,))]


def phases(home: Path, program: str) -> list[dict[str, Any]]:
    reply = cli("status", program, "--json", home=home)
    assert reply.code == 0, reply.err
    return list(reply.json["programs"][0]["phases"])


def launched(home: Path, program: str) -> int:
    """How many runs ``advance --all`` makes."""
    reply = cli("advance", program, "--all", "--json", "--jobs", "1", home=home)
    assert reply.code == 0, reply.err
    return sum(step["runs_launched"] for step in reply.json["steps"])


@pytest.mark.parametrize("name", [OLDEST, LATEST])
def test_reading_an_earlier_home_shows_everything_and_leaves_it_as_it_is(
    earlier: Callable[[str], Path], name: str
) -> None:
    home = earlier(name)
    before = contents(home)
    by_name = {p["name"]: p for p in phases(home, "quick")}
    assert [by_name[p]["outcome"] for p in ("first", "second", "third")] == ["fail", "pass", None]
    assert by_name["second"]["case"] == "up"
    assert [p["stale"] for p in by_name.values()] == ([True, True, False] if name == OLDEST else [False] * 3)
    explained = cli("explain", "quick", "--phase", "second", "--json", home=home).json
    (criterion,) = explained["criteria"]
    assert criterion["outcome"] == "met"
    assert criterion["n"] == 3
    memo = cli("memo", "quick", "first", home=home)
    assert (memo.code, "FAIL" in memo.out) == (0, True)
    (override,) = cli("override", "waits", "--list", "--json", home=home).json["overrides"]
    assert override["reason"] == "told"
    for command in ("explain", "knowledge"):
        for words in ((command, "quick"), (command, "waits")):
            assert cli(*words, home=home).code == 0
    assert contents(home) == before
    assert schema_of(home) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [OLDEST, LATEST])
def test_an_earlier_home_is_sound_and_its_journal_can_be_rebuilt(
    earlier: Callable[[str], Path], name: str
) -> None:
    home = earlier(name)
    reply = cli("doctor", "--json", home=home)
    assert (reply.code, reply.json["findings"]) == (0, []), reply.out
    before = [phases(home, "quick"), phases(home, "waits"), cli("explain", "quick", home=home).out]
    (home / "mlruns" / "journal.db").unlink()
    assert [phases(home, "quick"), phases(home, "waits"), cli("explain", "quick", home=home).out] == before
    assert schema_of(home) == SCHEMA
    assert cli("doctor", home=home).code == 0


@pytest.mark.slow
def test_advance_goes_on_where_the_latest_version_stopped(earlier: Callable[[str], Path]) -> None:
    home = earlier(LATEST)
    assert cli("replay", "quick", home=home).code == 0
    assert launched(home, "quick") == 0
    assert schema_of(home) == SCHEMA
    assert launched(home, "waits") == 6  # the phase that the override opened, and none of the first again
    prints = tags_of(home, "planner.fingerprint")
    assert len(prints) == 9 + 6 + 6
    assert launched(home, "waits") == 0
    assert cli("status", "quick", "--json", home=home).json["programs"][0]["spent"]["runs"] == 9
    assert cli("doctor", home=home).code == 0


@pytest.mark.slow
def test_verdicts_of_earlier_rules_stand_and_are_marked_and_no_run_is_made_for_them(
    earlier: Callable[[str], Path],
) -> None:
    home = earlier(LATEST)
    before = {p["name"]: (p["outcome"], p["confidence"]) for p in phases(home, "quick")}
    assert launched(home, "quick") == 0
    assert {p["name"]: (p["outcome"], p["confidence"]) for p in phases(home, "quick")} == before
    explained = cli("explain", "quick", "--phase", "second", home=home).out
    assert "by earlier rules" in explained.splitlines()[0]
    replayed = cli("replay", "quick", "--json", home=home)
    counts = [replayed.json[kind] for kind in ("decisions", "verdicts")]
    assert (replayed.code, [one["differ"] for one in counts]) == (0, [0, 0])
    assert all(one["older"] for one in counts)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False])
def test_runs_of_the_oldest_version_are_made_again_only_because_the_code_changed(
    earlier: Callable[[str], Path], kept: bool
) -> None:
    """The contract of experiments has changed since, and with it the digest of their code.

    What that version wrote down of rules cannot be held against today's: its verdicts are judged anew, and
    bounds look at one more seed of two arms.
    """
    home = earlier(OLDEST)
    before = set(tags_of(home, "planner.fingerprint"))
    if kept:
        assert cli("keep", "quick", "--reason", "the contract only grew", home=home).code == 0
    made = launched(home, "quick")
    assert made == (0 if kept else 9) + 2
    again = tags_of(home, "planner.fingerprint")
    assert len(again) == 9 + 6 + made
    if not kept:
        assert len(set(again)) == len(before) + 9 + 2, "no fingerprint was run twice in this program"
    assert launched(home, "quick") == 0
    assert {p["outcome"] for p in phases(home, "quick")} == {"fail", "pass", None}
    assert cli("doctor", home=home).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [OLDEST, LATEST])
def test_a_person_can_decide_in_an_earlier_home(earlier: Callable[[str], Path], name: str) -> None:
    home = earlier(name)
    words = ("override", "quick", "second", "--verdict", "reject", "--reason", "said later", "--json")
    reply = cli(*words, home=home)
    assert reply.code == 0, reply.err
    assert schema_of(home) == SCHEMA
    made = reply.json["override"]["id"]
    texts = [p.read_text() for p in (home / "mlruns" / "artifacts").rglob("record.json")]
    assert made in {json.loads(text)["id"] for text in texts}
    (home / "mlruns" / "journal.db").unlink()
    listed = cli("override", "quick", "--list", "--json", home=home).json["overrides"]
    assert [one["id"] for one in listed] == [made]


@pytest.mark.slow
def test_a_record_of_the_oldest_version_that_mlflow_lost_is_written_there_as_it_was(
    earlier: Callable[[str], Path],
) -> None:
    home = earlier(OLDEST)
    paths = sorted((home / "mlruns" / "artifacts").rglob("record.json"))
    texts = {path: path.read_text() for path in paths}
    for path in paths:
        path.unlink()
    assert cli("doctor", "--repair", home=home).code == 0
    assert {path: path.read_text() for path in paths} == texts


UNCHECKED = "runs were made before a run's code and data were looked at after it, too"


@pytest.mark.slow
def test_it_is_said_which_runs_rest_on_an_identity_that_was_not_checked(
    earlier: Callable[[str], Path],
) -> None:
    home = earlier(LATEST)
    assert UNCHECKED in cli("status", "quick", home=home).out
    assert launched(home, "quick") == 0  # the journal of that version kept a run that two programs use once
    assert f"identity: 9 of 9 {UNCHECKED}" in cli("status", "quick", home=home).out
    assert f"identity: 6 of 6 {UNCHECKED}" in cli("explain", "quick", "--full", home=home).out
    assert UNCHECKED not in cli("memo", "quick", "first", home=home).out  # a stored memo never changes
    assert launched(home, "waits") == 6
    assert cli("status", "waits", "--json", home=home).json["programs"][0]["identity"] == {
        "runs": 12,
        "unchecked": 6,
    }
    (home / "mlruns" / "journal.db").unlink()
    assert f"identity: 6 of 12 {UNCHECKED}" in cli("status", "waits", home=home).out


@pytest.mark.slow
def test_a_memo_that_is_written_today_says_it_and_verifies_beside_those_that_do_not(
    earlier: Callable[[str], Path],
) -> None:
    home = earlier(LATEST)
    before = cli("memo", "quick", "--verify", home=home)
    file = home / "knowledge" / "programs" / "quick.yaml"
    text = file.read_text()
    assert "expects: [higher]" in text
    file.write_text(text.replace("better_by: 0.2", "better_by: 0.21"))
    assert launched(home, "quick") == 2  # under a changed rule bounds look at one more seed of two arms
    memo = cli("memo", "quick", "first", home=home)
    assert f"Identity: 6 of 7 {UNCHECKED}." in memo.out
    assert (cli("memo", "quick", "--verify", home=home).code, before.code) == (0, 0)
