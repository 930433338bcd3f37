"""What every store of runs promises: MLflow on SQLite, and its twin in memory."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from planner.engine.ports import RunStore
from planner.errors import StoreUnavailable
from planner.evidence.values import is_finite
from planner.io.in_memory import MemoryRuns
from planner.io.mlflow import tags
from planner.io.mlflow.client import dataset_input
from planner.io.store.record_store import MlflowRecords
from planner.io.store.run_store import MlflowRuns
from planner.language.program import build
from planner.paths import Home
from planner.records.jobs import Ended
from planner.records.runs import PlannedRun, Run
from tests.support.worlds import catalog_of, description_of, small

pytestmark = pytest.mark.in_turn

PROGRAM = small()
BEGAN = 1_700_000_000.0


def planned(arm: str = "new", seed: int = 0) -> PlannedRun:
    return catalog_of(PROGRAM).planned("first", arm, "standard", seed)


def left_behind(folder: Path, lines: list[list[Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(params=["mlflow", "memory"])
def store(request: pytest.FixtureRequest, new_home: Callable[[], Home]) -> RunStore:
    return MlflowRuns(new_home()) if request.param == "mlflow" else MemoryRuns()


class TestRunStore:
    def begin(self, store: RunStore, one: PlannedRun, attempt: int = 1, lineage: str | None = None) -> str:
        description = description_of(one.params)
        return store.start(PROGRAM, one, description, "phase-1", attempt, lineage, BEGAN)

    def end(self, store: RunStore, run_id: str, folder: Path, outcome: str = "ok", **more: Any) -> None:
        ended = Ended.model_validate({"job_id": "j", "outcome": outcome, "seconds": 2.5, **more})
        store.finish(run_id, folder, ended, BEGAN)

    def only(self, store: RunStore) -> Run:
        (run,) = store.snapshot(PROGRAM).finished
        return run

    def test_an_empty_store_has_no_runs(self, store: RunStore) -> None:
        snapshot = store.snapshot(PROGRAM)
        assert (list(snapshot.finished), list(snapshot.unfinished)) == ([], [])

    def test_a_run_that_has_begun_is_unfinished_and_no_evidence(self, store: RunStore) -> None:
        run_id = self.begin(store, planned())
        snapshot = store.snapshot(PROGRAM)
        assert list(snapshot.finished) == []
        (run,) = snapshot.unfinished
        assert (run.id, run.phase, run.arm, run.seed) == (run_id, "first", "new", 0)
        assert run.fingerprint == planned().fingerprint

    def test_a_finished_run_is_what_was_planned_and_measured(self, store: RunStore, tmp_path: Path) -> None:
        run_id = self.begin(store, planned(), attempt=2)
        folder = left_behind(tmp_path / "r", [["score", 0, 1.0], ["score", 3, 0.25], ["aside", None, 7.0]])
        self.end(store, run_id, folder)
        run = self.only(store)
        assert (run.outcome, run.attempt, run.seconds, run.own) == ("ok", 2, 2.5, True)
        assert (run.fingerprint, run.data_digest) == (planned().fingerprint, planned().data_digest)
        assert run.metrics == {"score": 0.25, "aside": 7.0}
        assert run.params == {"kind": "new"}
        assert store.snapshot(PROGRAM).unfinished == ()

    def test_the_names_of_the_files_that_a_run_left_are_kept(self, store: RunStore, tmp_path: Path) -> None:
        folder = left_behind(tmp_path / "r", [["score", 0, 1.0]])
        (folder / "artifacts" / "curves").mkdir(parents=True)
        (folder / "artifacts" / "model.pt").touch()
        (folder / "artifacts" / "curves" / "loss.csv").touch()
        self.end(store, self.begin(store, planned()), folder)
        assert self.only(store).artifacts == ("curves/loss.csv", "model.pt")

    @pytest.mark.parametrize("overlap", [None, 0.0, 0.25, 1.0])
    def test_where_a_run_was_made_and_what_its_data_share_is_kept(
        self, store: RunStore, tmp_path: Path, overlap: float | None
    ) -> None:
        one = planned()
        description = description_of(one.params).model_copy(update={"overlap": overlap})
        run_id = store.start(PROGRAM, one, description, "phase-1", 1, None, BEGAN)
        self.end(store, run_id, left_behind(tmp_path / "r", [["score", 0, 1.0]]), device="cuda")
        run = self.only(store)
        assert (run.device, run.overlap) == ("cuda", overlap)

    @pytest.mark.parametrize(
        ("params", "device"), [({}, None), ({"device": "mps"}, "mps"), ({"device": "auto"}, None)]
    )
    def test_a_run_that_does_not_say_where_it_ran_did_as_it_was_asked_to(
        self, store: RunStore, tmp_path: Path, params: dict[str, str], device: str | None
    ) -> None:
        one = planned().model_copy(update={"params": params})
        self.end(store, self.begin(store, one), left_behind(tmp_path / "r", [["score", 0, 1.0]]))
        assert self.only(store).device == device

    @pytest.mark.parametrize("versions", [{}, {"python": "3.11.9", "scikit-learn": "1.7.2"}])
    def test_the_versions_that_a_run_ran_with_are_kept(
        self, store: RunStore, tmp_path: Path, versions: dict[str, str]
    ) -> None:
        folder = left_behind(tmp_path / "r", [["score", 0, 1.0]])
        self.end(store, self.begin(store, planned()), folder, versions=versions)
        assert self.only(store).versions == versions

    def test_a_run_without_files_says_so(self, store: RunStore, tmp_path: Path) -> None:
        self.end(store, self.begin(store, planned()), left_behind(tmp_path / "r", [["score", 0, 1.0]]))
        assert self.only(store).artifacts == ()

    def test_finishing_twice_changes_nothing(self, store: RunStore, tmp_path: Path) -> None:
        run_id = self.begin(store, planned())
        folder = left_behind(tmp_path / "r", [["score", 0, 1.0]])
        self.end(store, run_id, folder)
        once = self.only(store)
        self.end(store, run_id, folder)
        assert self.only(store) == once

    @pytest.mark.parametrize(
        "outcome", ["code_error", "out_of_memory", "timeout", "slowdown", "suspended", "killed", "lost"]
    )
    def test_how_a_run_ended_is_kept(self, store: RunStore, tmp_path: Path, outcome: str) -> None:
        run_id = self.begin(store, planned())
        self.end(store, run_id, tmp_path, outcome, reason="it broke", output="Traceback")
        assert self.only(store).outcome == outcome

    def test_where_an_exception_was_raised_is_kept(self, store: RunStore, tmp_path: Path) -> None:
        run_id = self.begin(store, planned())
        self.end(store, run_id, tmp_path, "code_error", reason="it broke", raised_at="experiments/evil.py:24")
        run = self.only(store)
        assert (run.reason, run.raised_at) == ("it broke", "experiments/evil.py:24")

    def test_every_step_of_a_run_that_held_no_number_once_is_kept(
        self, store: RunStore, tmp_path: Path
    ) -> None:
        run_id = self.begin(store, planned())
        folder = left_behind(tmp_path / "r", [["other", 0, math.nan], ["other", 1, 0.5]])
        self.end(store, run_id, folder, "bad_metric")
        (first, value), last = self.only(store).series["other"]
        assert (first, is_finite(value), last) == (0, False, (1, 0.5))

    def test_values_that_are_not_finite_are_not_mistaken_for_numbers(
        self, store: RunStore, tmp_path: Path
    ) -> None:
        run_id = self.begin(store, planned())
        folder = left_behind(tmp_path / "r", [["score", 0, math.nan], ["high", 0, math.inf]])
        self.end(store, run_id, folder, "bad_metric")
        metrics = self.only(store).metrics
        assert not any(map(is_finite, metrics.values()))

    def test_an_abandoned_run_is_lost_and_its_attempt_is_not_counted(self, store: RunStore) -> None:
        run_id = self.begin(store, planned())
        for _ in range(2):  # the second time after an interruption, and it changes nothing
            store.abandon(run_id, "lost", "its planner ended")
        run = self.only(store)
        assert (run.outcome, run.attempt, run.seconds, run.usable) == ("lost", 0, 0.0, False)

    def test_a_run_is_in_progress_until_it_is_finished(self, store: RunStore, tmp_path: Path) -> None:
        done, at_work = self.begin(store, planned(seed=0)), self.begin(store, planned(seed=1), attempt=2)
        self.end(store, done, left_behind(tmp_path / "r", [["score", 0, 1.0]]))
        (run,) = store.in_progress(PROGRAM)
        assert (run.id, run.fingerprint) == (at_work, planned(seed=1).fingerprint)
        assert (run.attempt, run.began) == (2, BEGAN)

    def test_orphans_are_ended(self, store: RunStore) -> None:
        orphan = self.begin(store, planned())
        store.end_orphans(PROGRAM)
        snapshot = store.snapshot(PROGRAM)
        assert [(r.id, r.outcome) for r in snapshot.finished] == [(orphan, "lost")]
        assert list(snapshot.unfinished) == store.in_progress(PROGRAM) == []


# --- what only MLflow can show -------------------------------------------------------------------


@pytest.fixture
def mlflow_runs(new_home: Callable[[], Home]) -> MlflowRuns:
    return MlflowRuns(new_home())


def log(runs: MlflowRuns, named: Mapping[str, str], experiment: str = "elsewhere", **metrics: float) -> str:
    """A run that somebody else logged."""
    existing = runs.client.get_experiment_by_name(experiment)
    where = existing.experiment_id if existing else runs.client.create_experiment(experiment)
    run_id = str(runs.client.create_run(where, tags=dict(named)).info.run_id)
    for name, value in metrics.items():
        runs.client.log_metric(run_id, name, value)
    runs.client.set_terminated(run_id)
    return run_id


HERE = {tags.PROGRAM: "small", tags.PHASE: "first", tags.ARM: "new", tags.SEED: "1"}


def test_a_run_that_others_logged_counts_wherever_it_lies(mlflow_runs: MlflowRuns) -> None:
    run_id = log(mlflow_runs, HERE, score=2.0)
    (run,) = mlflow_runs.snapshot(PROGRAM).finished
    assert (run.id, run.own, run.outcome, run.metrics) == (run_id, False, "ok", {"score": 2.0})


@pytest.mark.parametrize(
    "changed",
    [
        {tags.ATTEMPT: "x"},
        {tags.ATTEMPT: "1e9"},
        {tags.SECONDS: "nan"},
        {tags.SECONDS: "-5"},
        {tags.SECONDS: "soon"},
        {tags.OUTCOME: "splendid"},
        {tags.FIDELITY: "huge"},
        {tags.ARM: "no such arm"},
        {tags.PHASE: "nowhere"},
        {tags.SEED: "1000000000"},
        {tags.SEED: "-3"},
        {tags.RECORD: "v-0000"},
    ],
)
def test_strange_tags_are_read_with_tolerance(mlflow_runs: MlflowRuns, changed: dict[str, str]) -> None:
    log(mlflow_runs, {**HERE, **changed}, score=2.0)
    (run,) = mlflow_runs.snapshot(PROGRAM).finished
    assert run.attempt == 1
    assert run.seconds >= 0.0
    assert list(MlflowRecords(mlflow_runs).copies(PROGRAM)) is not None


@pytest.mark.parametrize(
    ("profile", "changed", "overlap"),
    [
        ('{"overlap": 0.25, "num_rows": 10}', {}, 0.25),
        ('{"num_rows": 10}', {}, None),
        ('{"overlap": "0.5"}', {}, 0.5),
        ('{"overlap": null}', {}, None),
        ('{"overlap": true}', {}, None),
        ('{"overlap": 1.5}', {}, None),
        ('{"overlap": NaN}', {}, None),
        ('{"overlap": [1]}', {}, None),
        ("[1, 2]", {}, None),
        ("no JSON", {}, None),
        (None, {}, None),
        (None, {tags.OVERLAP: "0.75"}, 0.75),
        ('{"overlap": 0.25}', {tags.OVERLAP: "0.75"}, 0.75),
        (None, {tags.OVERLAP: "much"}, None),
    ],
)
def test_what_others_say_of_their_data_is_read_with_tolerance(
    mlflow_runs: MlflowRuns, profile: str | None, changed: dict[str, str], overlap: float | None
) -> None:
    run_id = log(mlflow_runs, {**HERE, **changed}, score=2.0)
    mlflow_runs.client.log_inputs(run_id, [dataset_input("theirs", "d1", profile)])
    (run,) = mlflow_runs.snapshot(PROGRAM).finished
    assert (run.data_digest, run.overlap) == ("d1", overlap)


def test_others_say_their_device_by_tag_or_parameter(mlflow_runs: MlflowRuns) -> None:
    log(mlflow_runs, {**HERE, tags.DEVICE: "cuda"}, score=2.0)
    by_parameter = log(mlflow_runs, {**HERE, tags.SEED: "2"}, score=2.0)
    mlflow_runs.client.log_param(by_parameter, "device", "mps")
    assert [run.device for run in mlflow_runs.snapshot(PROGRAM).finished] == ["cuda", "mps"]


@pytest.mark.parametrize("seed", ["", "x", "1.5", "--5", "²", "1_0", "9" * 40])
def test_a_run_without_a_sensible_seed_is_nobodys_evidence(mlflow_runs: MlflowRuns, seed: str) -> None:
    log(mlflow_runs, {**HERE, tags.SEED: seed}, score=2.0)
    assert list(mlflow_runs.snapshot(PROGRAM).finished) == []


def test_runs_of_another_program_or_kind_are_not_ours(mlflow_runs: MlflowRuns) -> None:
    log(mlflow_runs, {**HERE, tags.PROGRAM: "other"})
    log(mlflow_runs, {**HERE, tags.KIND: "decision"})
    assert list(mlflow_runs.snapshot(PROGRAM).finished) == []


def test_a_program_maps_existing_runs_to_arms(mlflow_runs: MlflowRuns) -> None:
    raw = PROGRAM.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["select"] = {"new": "tags.team = 'ours'"}
    log(mlflow_runs, {"team": "ours"}, score=1.0)
    log(mlflow_runs, {"team": "theirs"}, score=1.0)
    (run,) = [r for r in mlflow_runs.snapshot(build(raw)).finished if r.phase == "first"]
    assert (run.arm, run.metrics) == ("new", {"score": 1.0})
    assert run.seed < 0  # it says none, and takes nobody's place


def selected(mlflow_runs: MlflowRuns) -> list[Run]:
    raw = PROGRAM.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["select"] = {arm: f"params.kind = '{arm}'" for arm in ("base", "new")}
    return [run for run in mlflow_runs.snapshot(build(raw)).finished if run.phase == "first"]


def log_selected(
    mlflow_runs: MlflowRuns, arm: str, seed: str | None, ends: bool = True, **metrics: float
) -> str:
    client = mlflow_runs.client
    run_id = str(client.create_run(mlflow_runs.experiment(PROGRAM)).info.run_id)
    client.log_param(run_id, "kind", arm)
    if seed is not None:
        client.log_param(run_id, "random_state", seed)
    for name, value in metrics.items():
        client.log_metric(run_id, name, value, step=7)
    if ends:
        client.set_terminated(run_id)
    return run_id


def test_selected_runs_are_known_by_the_seed_that_they_log_under_any_usual_name(
    mlflow_runs: MlflowRuns,
) -> None:
    for arm, seeds in (("base", ("42", "7")), ("new", ("7", "42", None))):
        for seed in seeds:
            log_selected(mlflow_runs, arm, seed, score=1.0)
    runs = selected(mlflow_runs)
    assert sorted((run.arm, run.seed) for run in runs if run.seed >= 0) == [
        ("base", 7),
        ("base", 42),
        ("new", 7),
        ("new", 42),
    ]
    assert len([run for run in runs if run.seed < 0]) == 1
    assert all(run.last_steps == {"score": 7} for run in runs)


def test_selected_runs_that_are_no_evidence_are_named_and_parents_are_none(mlflow_runs: MlflowRuns) -> None:
    running = log_selected(mlflow_runs, "base", "1", ends=False, score=1.0)
    empty = log_selected(mlflow_runs, "base", "2")
    parent = log_selected(mlflow_runs, "base", None, score=9.0)
    child = log_selected(mlflow_runs, "base", "3", score=1.0)
    mlflow_runs.client.set_tag(child, "mlflow.parentRunId", parent)
    runs = {run.id: run for run in selected(mlflow_runs)}
    assert {runs[running].outcome, runs[empty].outcome, runs[child].outcome} == {"lost", "ok"}
    assert "RUNNING" in runs[running].reason
    assert "score" in runs[empty].reason
    assert parent not in runs


def test_in_a_store_that_others_share_each_home_ends_its_own_runs(
    new_home: Callable[[], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = new_home()
    home.database.rename(home.root / "shared.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home.root}/shared.db")
    shared = MlflowRuns(home)
    one = planned()
    began = shared.start(PROGRAM, one, description_of(one.params), "phase-1", 1, None, BEGAN)
    other = MlflowRuns(Home(home.root / "another home"))
    assert (len(other.in_progress(PROGRAM)), len(shared.in_progress(PROGRAM))) == (0, 1)
    other.end_orphans(PROGRAM)
    assert not other.abandon(began, "lost", "the journal of a copied home names it")
    assert len(shared.snapshot(PROGRAM).unfinished) == 1
    shared.end_orphans(PROGRAM)
    assert [run.outcome for run in shared.snapshot(PROGRAM).finished] == ["lost"]


def test_a_run_that_somebody_else_is_making_is_left_alone(mlflow_runs: MlflowRuns) -> None:
    where = mlflow_runs.experiment(PROGRAM)
    run_id = str(mlflow_runs.client.create_run(where, tags=HERE).info.run_id)
    mlflow_runs.end_orphans(PROGRAM)
    assert mlflow_runs.client.get_run(run_id).info.status == "RUNNING"


def test_a_store_that_is_no_database_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = Home(tmp_path)
    home.mlruns.mkdir()
    home.database.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreUnavailable, match="mlflow.db is damaged"):
        MlflowRuns(home)


def test_a_folder_of_files_as_store_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "mlruns"))
    with pytest.raises(StoreUnavailable, match="use a server's address or a database"):
        MlflowRuns(Home(tmp_path))
