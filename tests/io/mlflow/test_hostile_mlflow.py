"""Runs and records in MLflow that somebody wrote who means harm: text that is shown, or nothing."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from planner.errors import ProgramError, StoreUnavailable
from planner.io.journal.journal import Journal
from planner.io.mlflow import tags
from planner.io.store.record_store import MlflowRecords
from planner.io.store.run_store import MlflowRuns
from planner.io.sync.sync import take_over_records
from planner.language.program import build
from planner.paths import Home
from planner.records.jobs import Ended
from planner.records.journal_entry import body_of
from planner.records.runs import Run
from tests.promises.fuzz.hostile import TEXTS
from tests.support.worlds import runs_of, scores, small, stand

pytestmark = pytest.mark.in_turn

PROGRAM = small()
VERDICT: Any = stand(PROGRAM, runs_of(PROGRAM, "first", scores())).steps[0].verdict
AT = "2026-01-01T00:00:00+00:00"
STORABLE = [t.encode("utf-8", "replace").decode() for t in TEXTS if "\x00" not in t]


@pytest.fixture
def runs(new_home: Callable[[], Home]) -> MlflowRuns:
    opened = MlflowRuns(new_home())
    opened.experiment(PROGRAM)
    return opened


def log_run(runs: MlflowRuns, changed: dict[str, str], params: dict[str, str] | None = None) -> str:
    named = {tags.PROGRAM: "small", tags.PHASE: "first", tags.ARM: "base", tags.SEED: "0", **changed}
    run = runs.client.create_run(runs.experiment(PROGRAM), tags=named).info.run_id
    for name, value in (params or {}).items():
        runs.client.log_param(run, name, value)
    runs.client.log_metric(run, "score", 0.5)
    runs.client.set_terminated(run, "FINISHED")
    return str(run)


def copy_run(runs: MlflowRuns, model: str, tagged: list[dict[str, str]]) -> None:
    """Many runs at once, straight into the tables: as the first, with these tags of their own."""
    with closing(sqlite3.connect(runs.home.database)) as db, db:
        for number, own in enumerate(tagged):
            run = f"{number:032x}"
            for table in ("runs", "tags", "metrics", "latest_metrics"):
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
                named = ", ".join("?" if c == "run_uuid" else c for c in columns)
                db.execute(
                    f"INSERT INTO {table} SELECT {named} FROM {table} WHERE run_uuid = ?", (run, model)
                )
            for name, value in own.items():
                db.execute("DELETE FROM tags WHERE run_uuid = ? AND key = ?", (run, name))
                db.execute("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", (name, value, run))


def forged(runs: MlflowRuns, text: str, record_id: str = VERDICT.id, **changed: str) -> str:
    named = {tags.KIND: "phase", tags.RECORD: record_id, tags.AT: AT, **changed}
    run = log_run(runs, {**named, "planner.fidelity": "standard"})
    runs.client.log_text(run, text, tags.RECORD_FILE)
    return run


def loaded(runs: MlflowRuns) -> list[Any]:
    return [copy.read_or_none() for copy in MlflowRecords(runs).copies(PROGRAM)]


BODY = body_of(VERDICT)


def test_a_record_is_read_where_its_text_fits_its_name(runs: MlflowRuns) -> None:
    forged(runs, BODY)
    assert loaded(runs) == [VERDICT]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[" * 200_000,
        '{"id":' * 50_000,
        "9" * 1_000_000,
        BODY[:-1],
        BODY.replace("0.", "9.", 1),
        "\x00",
    ],
    ids=lambda text: text[:8],
)
def test_a_text_that_is_no_record_is_an_altered_one(runs: MlflowRuns, text: str) -> None:
    forged(runs, text)
    assert loaded(runs) == [None]


def test_a_text_too_large_for_a_record_is_not_even_fetched(runs: MlflowRuns) -> None:
    forged(runs, BODY + " " * 20_000_000)
    assert loaded(runs) == [None]


def test_a_folder_in_the_place_of_a_record_is_an_altered_one(runs: MlflowRuns) -> None:
    run = log_run(runs, {tags.KIND: "phase", tags.RECORD: VERDICT.id})
    runs.client.log_text(run, BODY, f"{tags.RECORD_FILE}/inner.txt")
    assert loaded(runs) == [None]


def test_the_record_of_another_program_is_not_taken_over(runs: MlflowRuns) -> None:
    other = VERDICT.model_copy(update={"program": "other", "id": ""}).identified("v")
    page = forged(runs, body_of(other), other.id)
    journal = Journal(runs.home.journal)
    assert take_over_records(journal, MlflowRecords(runs), PROGRAM) == (0, [page])
    assert journal.entries(PROGRAM.program) == []


@pytest.mark.parametrize("kind", ["run", "decision", "override", "nonsense", ""])
def test_a_record_under_another_kind_is_an_altered_one(runs: MlflowRuns, kind: str) -> None:
    forged(runs, BODY, **{tags.KIND: kind})
    assert loaded(runs) == [None]


@pytest.mark.parametrize("shared", [False, True], ids=["the home's own store", "a store that others share"])
@pytest.mark.parametrize(
    "location", ["file://{folder}/elsewhere", "file://{under}/../../../../elsewhere", "http://127.0.0.1:9/x"]
)
def test_records_are_read_from_the_experiments_own_folder_only(
    runs: MlflowRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, shared: bool
) -> None:
    run = forged(runs, BODY)
    lies = Path(unquote(urlparse(runs.client.get_run(run).info.artifact_uri).path))
    lies.rename(tmp_path / "elsewhere")
    with closing(sqlite3.connect(runs.home.database)) as db, db:
        edited = location.format(folder=tmp_path, under=lies.parent)
        db.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (edited, run))
    if shared:
        runs.home.database.rename(tmp_path / "shared.db")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/shared.db")
        assert loaded(MlflowRuns(runs.home)) == []
    else:
        with pytest.raises(StoreUnavailable, match=f"{run} was edited"):
            loaded(MlflowRuns(runs.home))


@pytest.mark.parametrize(
    "stood", ["", "#", "x", f"{AT}#" + "9" * 5000, f"{AT}#\u0663", f"{AT}#-1", f"{AT}#1e3 {AT}#2", "# # #"]
)
def test_when_a_record_stood_is_read_with_tolerance(runs: MlflowRuns, stood: str) -> None:
    forged(runs, BODY, **{tags.STOOD: stood})
    records = loaded(runs)
    assert records
    assert all(record == VERDICT for record in records)


@pytest.mark.slow
def test_no_tag_hinders_the_reading_of_the_others_runs(runs: MlflowRuns) -> None:
    good = log_run(runs, {tags.ARM: "worse"})
    names = [t for t in vars(tags).values() if str(t).startswith("planner.")]
    copy_run(runs, good, [{name: text[:5000]} for name in names for text in STORABLE])
    snapshot = runs.snapshot(PROGRAM)
    assert good in {run.id for run in snapshot.finished}
    assert len(snapshot.finished) > 1000
    for run in snapshot.finished:
        assert math.isfinite(run.seconds)
        assert run.seconds >= 0
        assert isinstance(run.seed, int)


@pytest.mark.parametrize("name", [tags.ARTIFACTS, tags.OVERLAP, tags.SEED, tags.SECONDS, tags.ATTEMPT])
@pytest.mark.parametrize("text", ["[" * 5000, "9" * 5000, "1e999", "\u0663", '{"a":' * 900])
def test_a_tag_that_says_nothing_sensible_is_as_good_as_none(runs: MlflowRuns, name: str, text: str) -> None:
    log_run(runs, {name: text})
    for run in runs.snapshot(PROGRAM).finished:
        assert (run.artifacts, run.overlap, run.attempt) == (None, None, 1)


def test_params_come_as_text_whatever_they_say(runs: MlflowRuns) -> None:
    params = {f"p{i}": text[:5000] for i, text in enumerate(STORABLE) if text}
    run = log_run(runs, {}, params)
    (read,) = [r for r in runs.snapshot(PROGRAM).finished if r.id == run]
    assert read.params == params


def test_a_filter_that_mlflow_does_not_take_is_a_fault_of_the_program(runs: MlflowRuns) -> None:
    raw = PROGRAM.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    raw["phases"]["first"]["select"] = {"base": "tags.x = 'y' OR 1; DROP TABLE runs"}
    with pytest.raises(
        ProgramError, match=r"small\.yaml: phases\.first\.select\.base: MLflow takes no such filter"
    ):
        runs.snapshot(build(raw))
    assert runs.snapshot(PROGRAM).finished == ()


@pytest.mark.slow
def test_a_run_with_very_many_steps_is_read_whole(runs: MlflowRuns) -> None:
    run = log_run(runs, {})
    steps = [("score", i / 7, 1, run, i - 50_000, 0) for i in range(100_000) if i != 50_000]
    with closing(sqlite3.connect(runs.home.database)) as db, db:
        db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", steps)
    begun = time.process_time()
    (read,) = runs.snapshot(PROGRAM, ["score"]).finished
    assert len(read.series["score"]) == 100_000
    assert time.process_time() - begun < 60


# --- what a worker left ----------------------------------------------------------------------------


def test_what_a_run_left_is_written_down_whatever_it_is(runs: MlflowRuns, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "artifacts").mkdir(parents=True)
    (folder / "metrics.jsonl").write_text('["score", 0, 0.5]\n["a|b", 0, 1]\n["score", 1e400, 1]\n[[[\n')
    (folder / "artifacts" / "kept.txt").write_text("kept")
    (folder / "artifacts" / "secret").symlink_to("/etc/passwd")
    run = runs.client.create_run(runs.experiment(PROGRAM)).info.run_id
    reason = "\x1b[31m<script>x</script> ![x] (http://127.0.0.1:9/)" + "y" * 9000
    runs.finish(run, folder, Ended(job_id="j", outcome="code_error", reason=reason, seconds=1.0), 1e9)
    raw = runs.client.get_run(run)
    assert raw.data.metrics == {"score": 0.5}
    assert [file.path for file in runs.client.list_artifacts(run)] == ["kept.txt"]
    note = raw.data.tags[tags.NOTE]
    assert note.startswith("**code_error**: \ufffd[31m&lt;script>x&lt;/script> ![x] \\(http")


def test_a_run_of_another_is_no_reason_to_fail(runs: MlflowRuns) -> None:
    run = runs.client.create_run(runs.experiment(PROGRAM), tags={tags.PROGRAM: "small", tags.SEED: "0"})
    runs.client.set_terminated(run.info.run_id, "FINISHED")
    assert not any(isinstance(finished, Run) for finished in runs.snapshot(PROGRAM).finished)
