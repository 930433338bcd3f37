"""MLflow's database, experiments, runs and artifacts: gone, broken, deleted or edited by hand."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.promises.faults.breaking import (
    database,
    found_by_doctor,
    journal_of,
    mended_by_doctor,
    nothing_is_left_to_do,
    one_sentence,
    quarantined,
    report_of,
    runs_in,
    store_of,
)
from tests.support.small_homes import (
    QUICK,
    ROOT,
    WAITS,
    WITH_SEEDS_TO_SPARE,
    add_program,
    clean_environment,
    cli,
    cli_here,
    contents,
)
from tests.support.waiting_homes import ends, start
from tests.support.warm import Script

pytestmark = pytest.mark.slow
MEND = "'phasegate doctor --repair'"


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 200 * 1024])


BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "deleted": (lambda path: path.unlink(), "store.gone", "is gone"),
    "emptied": (lambda path: path.write_bytes(b""), "store.gone", "is empty"),
    "overwritten": (lambda path: path.write_bytes(b"no database" * 9999), "store.damaged", "is damaged"),
    "cut short": (cut_short, "store.damaged", "is damaged"),
}


@pytest.mark.in_turn
@pytest.mark.parametrize("how", BROKEN)
def test_a_store_that_is_lost_is_told_and_begun_anew_only_when_asked_for(own_home: Path, how: str) -> None:
    break_it, finding, said = BROKEN[how]
    path, before, were = store_of(own_home), report_of(own_home), runs_in(own_home)
    break_it(path)
    for words in (("advance", "quick", "--all"), ("advance", "quick", "--dry-run"), ("replay", "quick")):
        reply = cli(*words, home=own_home)
        one_sentence(reply, str(path), said, MEND)
        assert reply.seconds < 60
    assert report_of(own_home) == before, "what the journal holds is shown all the same"
    held = path.read_bytes() if path.exists() else None
    found_by_doctor(own_home, finding)
    assert (path.read_bytes() if path.exists() else None) == held
    (done,) = [one["done"] for one in mended_by_doctor(own_home) if one["id"] == finding]
    assert f"{len(were)} finished runs" in done
    if held:
        assert quarantined(own_home, "mlflow.db").read_bytes() == held
    # What the journal held is kept; what only the store held is made again, and said to be.
    status = cli("status", "quick", "--json", home=own_home).json["programs"][0]
    assert [p["outcome"] for p in status["phases"]] == ["fail", "pass", None]
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=own_home)
    assert reply.code == 0, reply.err
    assert sum(step["runs_launched"] for step in reply.json["steps"]) == len(were)
    nothing_is_left_to_do(own_home)
    assert cli("doctor", home=own_home).code == 0
    with database(journal_of(own_home)) as db:
        assert db.execute("SELECT count(*) FROM records WHERE NOT mirrored").fetchone()[0] == 0
        kept = {row[0] for row in db.execute("SELECT id FROM records")}
    texts = [p.read_text() for p in (own_home / "mlruns" / "artifacts").rglob("record.json")]
    assert kept <= {json.loads(text)["id"] for text in texts}
    assert report_of(own_home)["status"]["programs"][0]["state"] == "done"


def test_a_damaged_index_is_mended_by_a_whole_copy_and_nothing_is_lost(own_home: Path) -> None:
    path, before, were = store_of(own_home), report_of(own_home), runs_in(own_home)
    with closing(sqlite3.connect(path)) as db:
        size = db.execute("PRAGMA page_size").fetchone()[0]
        query = "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND name = 'index_tags_run_uuid'"
        page = db.execute(query).fetchone()[0]
    data = bytearray(path.read_bytes())
    data[(page - 1) * size + 3] ^= 0x3F
    path.write_bytes(bytes(data))
    (done,) = [one["done"] for one in mended_by_doctor(own_home) if one["id"] == "store.damaged"]
    assert "nothing is lost" in done
    assert (report_of(own_home), runs_in(own_home)) == (before, were)
    nothing_is_left_to_do(own_home)


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("revision", "command"),
    [("0123456789ab", "pip install --upgrade mlflow"), ("451aebb31d03", "mlflow db upgrade sqlite:///")],
    ids=["of a newer MLflow", "of an earlier MLflow"],
)
def test_a_database_of_another_schema_is_told_with_the_command(
    own_home: Path, revision: str, command: str
) -> None:
    path = store_of(own_home)
    with database(path) as db:
        (sound,) = db.execute("SELECT version_num FROM alembic_version").fetchone()
        db.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    one_sentence(cli("advance", "quick", home=own_home), str(path), revision, command)
    (finding,) = found_by_doctor(own_home, "store.unreadable")
    assert command in finding["what"] + finding["mend"]
    assert cli("doctor", "--repair", home=own_home).code == 1
    with database(path) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)
        db.execute("UPDATE alembic_version SET version_num = ?", (sound,))
    nothing_is_left_to_do(own_home)


def test_a_deleted_experiment_is_told_and_restored(own_home: Path) -> None:
    before = report_of(own_home)
    with database(store_of(own_home)) as db:
        db.execute("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'quick'")
        db.execute("UPDATE runs SET lifecycle_stage = 'deleted'")
    for words in (("advance", "quick"), ("replay", "quick")):
        one_sentence(cli(*words, home=own_home), "'quick' is deleted", "mlflow experiments restore", MEND)
    found_by_doctor(own_home, "store.experiment_deleted")
    mended_by_doctor(own_home)
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


def a_run(home: Path, kind: str = "run") -> str:
    query = "SELECT run_uuid FROM tags WHERE key = 'planner.kind' AND value = ? ORDER BY run_uuid"
    with database(store_of(home)) as db:
        return str(db.execute(query, (kind,)).fetchone()[0])


def test_a_deleted_run_is_not_made_again_but_told_and_restored(own_home: Path) -> None:
    before, run = report_of(own_home), a_run(own_home)
    with database(store_of(own_home)) as db:
        db.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", (run,))
    one_sentence(cli("advance", "quick", home=own_home), run, f"mlflow runs restore --run-id {run}", MEND)
    found_by_doctor(own_home, "run.deleted")
    mended_by_doctor(own_home)
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


def test_a_run_that_is_gone_for_good_is_made_again_only_after_a_person_said_so(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(WITH_SEEDS_TO_SPARE)
    cli("advance", "quick", "--all", home=home)
    run = a_run(home)
    with database(store_of(home)) as db:
        for table in ("latest_metrics", "metrics", "params", "tags", "runs"):
            db.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run,))
    one_sentence(cli("advance", "quick", home=home), run, MEND)
    found_by_doctor(home, "run.gone")
    mended_by_doctor(home)
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
    assert reply.code == 0, reply.err
    assert sum(step["runs_launched"] for step in reply.json["steps"]) == 1
    nothing_is_left_to_do(home)


@pytest.mark.in_turn
@pytest.mark.parametrize("tag", ["planner.outcome", "planner.arm", "planner.fingerprint"])
def test_a_run_whose_tags_were_edited_is_told_and_set_right(own_home: Path, tag: str) -> None:
    before, run = report_of(own_home), a_run(own_home)
    with database(store_of(own_home)) as db:
        if (
            tag == "planner.arm"
        ):  # read as a run of another arm, which is there: nothing is missing at first sight
            db.execute("DELETE FROM tags WHERE key = ? AND run_uuid = ?", (tag, run))
        else:
            db.execute("DELETE FROM tags WHERE key = ? AND run_uuid = ?", (tag, run))
    found_by_doctor(own_home, "run.tags")
    mended_by_doctor(own_home)
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


def test_a_metric_that_was_edited_is_told_with_the_run_and_the_verdict(own_home: Path) -> None:
    run = a_run(own_home)
    with database(store_of(own_home)) as db:
        db.execute("UPDATE latest_metrics SET value = 42 WHERE key = 'score' AND run_uuid = ?", (run,))
    (finding,) = found_by_doctor(own_home, "run.changed")
    assert run in finding["what"]
    assert f"exclude {run[:8]}" in finding["mend"]
    assert cli("doctor", "--repair", home=own_home).code == 1, "nobody knows what stood there"


def records_of(home: Path) -> list[Path]:
    return sorted((home / "mlruns" / "artifacts").rglob("record.json"))


@pytest.mark.in_turn
@pytest.mark.parametrize("how", ["removed", "altered", "emptied"])
def test_a_record_file_that_is_not_what_it_was_is_written_again_from_the_journal(
    own_home: Path, how: str
) -> None:
    before, path = report_of(own_home), records_of(own_home)[0]
    text = path.read_text()
    if how == "removed":
        path.unlink()
    else:
        path.write_text(text.replace("standard", "full") if how == "altered" else "")
    found_by_doctor(own_home, "record.altered_in_mlflow")
    mended_by_doctor(own_home)
    assert path.read_text() == text
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", ["phase", "decision"])
def test_a_deleted_page_of_a_record_is_restored(own_home: Path, kind: str) -> None:
    before, run = report_of(own_home), a_run(own_home, kind)
    with database(store_of(own_home)) as db:
        db.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", (run,))
    found_by_doctor(own_home, "record.missing")
    mended_by_doctor(own_home)
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


def test_a_verdict_edited_on_its_page_is_told_and_set_right(own_home: Path) -> None:
    run = a_run(own_home, "phase")
    with database(store_of(own_home)) as db:
        words = "UPDATE tags SET value = 'inconclusive' WHERE key = 'planner.verdict' AND run_uuid = ?"
        db.execute(words, (run,))
    found_by_doctor(own_home, "record.tags")
    mended_by_doctor(own_home)
    with database(store_of(own_home)) as db:
        query = "SELECT value FROM tags WHERE key = 'planner.verdict' AND run_uuid = ?"
        assert db.execute(query, (run,)).fetchone()[0] in ("pass", "fail")


def test_artifacts_that_are_gone_are_named_and_the_records_are_written_again(own_home: Path) -> None:
    before = report_of(own_home)
    shutil.rmtree(own_home / "mlruns" / "artifacts" / "quick")
    found_by_doctor(own_home, "store.no_artifacts")
    mended_by_doctor(own_home)
    assert report_of(own_home) == before
    assert len(records_of(own_home)) >= 5
    nothing_is_left_to_do(own_home)


# --- held by others ------------------------------------------------------------------------------


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process's write lock on a database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


@pytest.mark.in_turn
@pytest.mark.parametrize("which", [journal_of, store_of])
def test_a_lock_of_some_seconds_is_waited_for(own_home: Path, which: Callable[[Path], Path]) -> None:
    words = ("override", "quick", "second", "--verdict", "reject", "--reason", "while it was locked")
    with held(which(own_home)):
        waiting = start(own_home, *words)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(4.0)
    code, _, err = ends(waiting)
    assert code == 0, err
    assert "caught up" not in err, "both stores have it"


@pytest.mark.in_turn
@pytest.mark.parametrize(("which", "patience"), [(journal_of, "15 s"), (store_of, "20 s")])
def test_a_lock_that_stays_is_told_in_under_a_minute(
    own_home: Path, which: Callable[[Path], Path], patience: str
) -> None:
    reason = "for the next advance to write"
    words = ("override", "quick", "second", "--verdict", "reject", "--reason", reason)
    assert cli(*words, home=own_home, env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}).code == 0
    with held(which(own_home)):
        reply = cli("advance", "quick", home=own_home)
    assert reply.seconds < 60
    one_sentence(reply, str(which(own_home)), "held by another process", patience)
    assert cli("advance", "quick", home=own_home).code == 0
    nothing_is_left_to_do(own_home)


def test_two_programs_advanced_at_once_on_one_store_both_come_to_their_end(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(QUICK)
    add_program(home, WAITS)
    words = [str(ROOT / "cli.py"), "--home", str(home), "advance"]
    started = [
        Script([*words, name, "--all", "--json", "--jobs", "1"], clean_environment())
        for name in ("quick", "waits")
    ]
    replies = [process.communicate(timeout=900) for process in started]
    assert [process.returncode for process in started] == [0, 0], replies
    assert [json.loads(out)["state"] for out, _ in replies] == ["done", "waiting"]
    assert cli("doctor", home=home).code == 0
    spent = [p["spent"]["runs"] for p in cli("status", "--json", home=home).json["programs"]]
    assert spent == [9, 6], "each program has its own runs, though their fingerprints are the same"


def test_a_store_whose_making_was_cut_off_by_an_earlier_version_is_begun_anew(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(QUICK)
    (home / "mlruns").mkdir()
    with database(store_of(home)) as db:  # as a kill in the middle of MLflow's migrations leaves it
        db.execute("CREATE TABLE experiments (experiment_id INTEGER NOT NULL, name VARCHAR(256))")
        db.execute("CREATE TABLE _alembic_tmp_experiments (experiment_id INTEGER)")
    one_sentence(cli("advance", "quick", home=home), str(store_of(home)))
    mended_by_doctor(home)
    assert cli("advance", "quick", "--all", "--jobs", "1", home=home).code == 0
    nothing_is_left_to_do(home)


KILLED_WHILE_WRITING = """
import os, signal, sqlite3, sys

db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size=5")  # so that pages reach the file before the end
db.execute("BEGIN")
for i in range(3000):
    db.execute("INSERT INTO experiment_tags VALUES (?, ?, 1)", (f"key {i}", "x" * 500))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.in_turn
@pytest.mark.parametrize("words", [("advance", "quick", "--all"), ("doctor",), ("replay", "quick")])
def test_what_a_killed_process_left_half_written_in_the_database_is_taken_back(
    own_home: Path, words: tuple[str, ...]
) -> None:
    path, before, were = store_of(own_home), report_of(own_home), runs_in(own_home)
    subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], check=False)
    assert path.with_name(path.name + "-journal").exists(), "nothing was cut off"
    assert cli(*words, home=own_home).code == 0
    assert (report_of(own_home), runs_in(own_home)) == (before, were)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM experiment_tags WHERE key LIKE 'key %'").fetchone() == (0,)


def test_a_home_that_was_moved_settles_in_and_writes_nothing_where_it_was(
    own_home: Path, tmp_path: Path
) -> None:
    before, moved = report_of(own_home), tmp_path / "elsewhere" / "the home"
    shutil.copytree(own_home, moved)
    shutil.move(own_home, tmp_path / "as it was")
    for words in (["advance", "quick", "--all"], ["replay", "quick"], ["memo", "quick", "--verify"]):
        one_sentence(cli(*words, home=moved), str(own_home), MEND)
    found_by_doctor(moved, "store.moved")
    mended_by_doctor(moved)
    nothing_is_left_to_do(moved)
    assert report_of(moved) == before
    add_program(moved, WAITS)
    assert cli("advance", "waits", home=moved).code == 0
    assert cli("replay", "quick", home=moved).code == 0
    assert not own_home.exists()


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "location", ["wait", "{under}/../../../../elsewhere", "{under}/%2e%2e/elsewhere", "", None]
)
def test_a_run_whose_artifacts_would_be_written_elsewhere_is_refused_and_put_right(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str | None
) -> None:
    before, here = report_of(own_home), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with database(store_of(own_home)) as db:
        (run,) = db.execute("SELECT run_uuid FROM tags WHERE key = 'planner.verdict' LIMIT 1").fetchone()
        (under,) = db.execute("SELECT artifact_location FROM experiments WHERE name = 'quick'").fetchone()
        edited = location.format(under=under) if location is not None else None
        db.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (edited, run))
    for words in (["advance", "quick", "--all"], ["memo", "quick", "--verify"]):
        one_sentence(cli_here(*words, home=own_home), run, "was edited", MEND)
    found_by_doctor(own_home, "run.misplaced")
    mended_by_doctor(own_home)
    nothing_is_left_to_do(own_home)
    assert report_of(own_home) == before
    assert list(here.iterdir()) == []


def test_a_copy_of_a_home_keeps_its_artifacts_apart(own_home: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(own_home, copied)
    one_sentence(cli("advance", "quick", "--all", home=copied), str(own_home), MEND)
    mended_by_doctor(copied)
    artifacts = contents(own_home / "mlruns" / "artifacts")
    run = sorted(runs_in(copied))[0]
    assert cli("exclude", run, "--reason", "a cable was loose", home=copied).code == 0
    assert cli("advance", "quick", "--all", "--jobs", "1", home=copied).code == 0
    assert contents(own_home / "mlruns" / "artifacts") == artifacts
