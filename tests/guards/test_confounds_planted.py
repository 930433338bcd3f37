"""Planted confounds: what compared arms differ in unasked is named, with both values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from planner.deciding.walk import PlanningState, build_plan
from planner.io.mlflow import tags
from planner.io.mlflow.client import dataset_input
from planner.io.store.run_store import MlflowRuns
from planner.language.program import Program
from planner.paths import Home
from planner.records.jobs import Ended
from planner.records.verdict import GuardResult, Verdict
from tests.studies.replays.replaying import figures_of, program_of, raw_run
from tests.support.builders import IS_BETTER, make_evidence, make_program, make_run, two, verdict_of
from tests.support.reference_figures import as_run
from tests.support.stores import empty_store as empty_store
from tests.support.stores import new_home as new_home
from tests.support.worlds import CODE, catalog_of, description_of, own_run, recall_of, small, stand

ROOT = Path(__file__).parents[2]
CONSEQUENCES = ("caveat", "invalid")


def assert_named(verdict: Verdict, parameter: str, *values: str, kind: str = "confound") -> GuardResult:
    """The guard names the parameter and both values, and the verdict carries it."""
    guard = next(g for g in verdict.guards if g.id == f"{kind}:{parameter}")
    assert (guard.outcome, guard.observed) == ("not_met", parameter)
    assert all(value in guard.reason for value in values), guard.reason
    assert verdict.confidence == "provisional"
    if guard.consequence == "invalid":
        assert verdict.outcome == "invalid"
    else:
        assert any(caveat.startswith(f"{kind}:{parameter}: ") for caveat in verdict.caveats)
    return guard


def named(verdict: Verdict) -> list[str]:
    """The confounds of a verdict."""
    return [g.id for g in verdict.guards if g.id.startswith(("confound:", "one_sided:"))]


def strict(program: Program, phase: str, consequence: str) -> Program:
    """The program with that consequence of a confound in that phase."""
    rules = program.phases[phase].model_copy(update={"on_confound": consequence})
    return program.model_copy(update={"phases": {**program.phases, phase: rules}})


def logged(**params: str) -> dict[str, Any]:
    return {"params": params}


# --- one difference of every sort -----------------------------------------------------------------


@pytest.mark.parametrize("consequence", CONSEQUENCES)
@pytest.mark.parametrize(
    ("base", "new", "parameter", "values"),
    [
        (logged(lr="0.001"), logged(lr="0.01"), "lr", ("0.001 in base", "0.01 in new")),
        (logged(optimizer="adam"), logged(optimizer="sgd"), "optimizer", ("adam in base", "sgd in new")),
        (logged(layers="[64, 64]"), logged(layers="[64, 128]"), "layers", ("[64, 64]", "[64, 128]")),
        (
            logged(schedule='{"name": "cosine", "warmup": 2}'),
            logged(schedule="{'warmup': 0, 'name': 'cosine'}"),
            "schedule",
            ('"warmup": 2', '"warmup": 0'),
        ),
        (logged(amp="True"), logged(amp="false"), "amp", ("true in base", "false in new")),
        (logged(clamp="None"), logged(clamp="1.0"), "clamp", ("null in base", "1 in new")),
        ({"data_digest": "d1"}, {"data_digest": "d2"}, "dataset digest", ("d1 in base", "d2 in new")),
        ({"code_digest": "c1"}, {"code_digest": "c2"}, "code digest", ("c1 in base", "c2 in new")),
        ({"fidelity": "standard"}, {"fidelity": "full"}, "fidelity", ("standard in base", "full in new")),
        ({"device": "cpu"}, {"device": "cuda"}, "device", ("cpu in base", "cuda in new")),
        (
            {"versions": {"torch": "2.12.0", "numpy": "2.4.1"}},
            {"versions": {"torch": "2.13.0", "numpy": "2.4.1"}},
            "torch version",
            ("2.12.0 in base", "2.13.0 in new"),
        ),
        (
            {"versions": {"python": "3.11.9"}},
            {"versions": {"python": "3.12.1"}},
            "python version",
            ("3.11.9 in base", "3.12.1 in new"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_difference_is_named_with_both_values(
    base: Any, new: Any, parameter: str, values: tuple[str, str], consequence: str
) -> None:
    program = make_program(IS_BETTER, on_confound=consequence)
    verdict = verdict_of(program, two(base, new))
    guard = assert_named(verdict, parameter, *values)
    assert guard.consequence == consequence
    assert named(verdict) == [f"confound:{parameter}"]


def test_what_only_one_arm_sets_is_named_with_the_arm() -> None:
    verdict = verdict_of(make_program(IS_BETTER), two({}, logged(weight_decay="0.1")))
    assert_named(verdict, "weight_decay", "set in new", "not in base", kind="one_sided")


def test_every_one_of_several_differences_has_a_guard_of_its_own() -> None:
    base = {"params": {"lr": "0.1", "depth": "3"}, "data_digest": "d1", "device": "cpu"}
    new = {"params": {"lr": "0.2", "depth": "5"}, "data_digest": "d2", "device": "cuda"}
    verdict = verdict_of(make_program(IS_BETTER), two(base, new))
    assert set(named(verdict)) == {f"confound:{p}" for p in ("lr", "depth", "dataset digest", "device")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1e-3", "0.001"),
        ("True", "true"),
        ('{"a": 1, "b": 2.0}', "{'b': 2, 'a': 1.0}"),
        ("[1, 2]", "(1.0, 2.0)"),
    ],
)
def test_equal_values_that_are_written_differently_are_not_named(one: str, other: str) -> None:
    assert named(verdict_of(make_program(IS_BETTER), two(logged(p=one), logged(p=other)))) == []


def test_tuned_parameters_and_a_factor_of_several_are_not_named() -> None:
    evidence = two(logged(eta="0.1", size="1", width="8"), logged(eta="0.3", size="2", width="16"))
    verdict = verdict_of(make_program(IS_BETTER, tuned="eta", factor=["kind", "size", "width"]), evidence)
    assert named(verdict) == []
    partly = verdict_of(make_program(IS_BETTER, tuned="eta", factor=["kind", "size"]), evidence)
    assert named(partly) == ["confound:width"]


@pytest.mark.parametrize(
    ("base", "new", "expected"),
    [
        (("cpu", "cpu"), ("cuda", "cuda"), ["confound:device"]),  # asked for and done: stated once
        (("auto", "cpu"), ("auto", "cuda"), ["confound:device of the run"]),
        (("auto", "cpu"), ("auto", None), []),  # nobody knows
        (("cpu", "cpu"), ("cpu", None), []),
    ],
)
def test_a_device_is_named_once_and_what_was_requested_does_not_hide_what_was_done(
    base: tuple[str, str | None], new: tuple[str, str | None], expected: list[str]
) -> None:
    arms = [{"params": {"device": requested}, "device": ran} for requested, ran in (base, new)]
    assert named(verdict_of(make_program(IS_BETTER), two(*arms))) == expected


def test_packages_that_change_between_seeds_for_both_arms_alike_are_not_named() -> None:
    runs = {
        arm: [
            make_run(arm, seed, metrics={"acc": value + seed / 100}, versions={"torch": f"2.1{seed}"})
            for seed in range(3)
        ]
        for arm, value in (("base", 0.5), ("new", 0.7))
    }
    verdict = verdict_of(make_program(IS_BETTER), make_evidence(runs))
    assert named(verdict) == []
    assert not any("torch" in caveat for caveat in verdict.caveats)


@pytest.mark.parametrize("theirs", [{}, {"versions": {"python": "3.11.9"}}])
def test_a_package_of_which_one_arm_says_nothing_is_not_named(theirs: Any) -> None:
    mine = {"versions": {"python": "3.11.9", "sklearn": "1.7"}}
    assert named(verdict_of(make_program(IS_BETTER), two(mine, theirs))) == []


def test_code_that_a_person_declared_equal_is_still_named_where_only_one_arm_has_it() -> None:
    program = small()
    arms = {"base": "code-0", "new": CODE}
    runs = [
        own_run(program, "first", arm, seed, {"score": 0.1 * seed}, code=code)
        for arm, code in arms.items()
        for seed in range(3)
    ]
    catalog = catalog_of(program, accepted=frozenset({"code-0"}))
    verdict = stand_with(program, runs, catalog)
    assert_named(verdict, "code digest", "code-0", CODE)


def stand_with(program: Program, runs: Any, catalog: Any) -> Verdict:
    recall = recall_of(program, runs, catalog=catalog)
    state = PlanningState(program, recall.evidence_of, recall.missing, no_run=True)
    return build_plan(state).verdicts["first"]


# --- the two of the documents ---------------------------------------------------------------------


def replayed(name: str, phase: str, consequence: str, changes: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """The shipped program's verdict on the document's figures, with these parameters logged besides."""
    figures = figures_of(name)
    for arm, params in changes.items():
        raw_run(figures, phase, arm)["params"].update(params)
    runs = [as_run(raw, arm) for arm, raws in figures.items() for raw in raws]
    return stand(strict(program_of(name), phase, consequence), runs, no_run=True).verdicts[phase]


@pytest.mark.parametrize("consequence", CONSEQUENCES)
def test_the_learning_rate_of_the_ctr_study_is_named(consequence: str) -> None:
    verdict = replayed("gated_ctr", "regularization", consequence, {})
    guard = next(g for g in verdict.guards if g.id == "confound:lr")
    assert guard.reason.startswith("lr is 0.0003 in balanced and 0.001 in weak")
    assert named(verdict) == ["confound:lr"]
    assert_blocked_or_named(verdict, "lr", "0.0003 in balanced", "0.001 in weak")


@pytest.mark.parametrize("consequence", CONSEQUENCES)
def test_the_schedule_of_the_ctr_study_is_named_where_it_was_logged(consequence: str) -> None:
    verdict = replayed("gated_ctr", "regularization", consequence, {"strong": {"schedule": "warmup_cosine"}})
    assert set(named(verdict)) == {"confound:lr", "confound:schedule"}
    assert_blocked_or_named(verdict, "schedule", "none in balanced", "warmup_cosine in strong")


def assert_blocked_or_named(verdict: Verdict, parameter: str, *values: str) -> None:
    """As above; the study is blocked by its infrastructure whatever confounds it."""
    assert verdict.outcome == "blocked"
    guard = next(g for g in verdict.guards if g.id == f"confound:{parameter}")
    assert all(value in guard.reason for value in values)
    caveat = any(c.startswith(f"{guard.id}: ") for c in verdict.caveats)
    assert caveat == (guard.consequence == "caveat")


PHASE_6A = [
    ("normalize", True, False, "true in", "false in"),  # the memo's three confounds of protocol
    ("evaluate_on", "held_out", "same", "held_out in", "same in"),
    ("clamp", 1.0, None, "1 in", "null in"),
    ("fresh_batches", 1, 5, "1 in", "5 in"),  # one test batch for one method, fresh ones for another
    ("eta", 0.01, 0.003, "0.01 in", "0.003 in"),  # a step size of its own where none is tuned
    ("snapshot", "late", "early", "late in", "early in"),  # credit measured on another model
]


@pytest.mark.parametrize("consequence", CONSEQUENCES)
@pytest.mark.parametrize(("parameter", "usual", "planted", *("one", "other")), PHASE_6A)
def test_a_protocol_that_differs_between_the_methods_of_phase_6a_is_named(
    parameter: str, usual: Any, planted: Any, one: str, other: str, consequence: str
) -> None:
    arms = dict.fromkeys(("dfa", "scalar_cb", "vec_m4"), {parameter: usual})
    verdict = replayed("credit_linesearch", "phase_6a", consequence, {**arms, "oracle": {parameter: planted}})
    assert_named(verdict, parameter, one, f"{other} oracle")
    assert named(verdict) == [f"confound:{parameter}"]


@pytest.mark.parametrize("consequence", CONSEQUENCES)
def test_a_run_under_the_protocol_of_phase_6a_among_those_of_samebatch_is_named(consequence: str) -> None:
    old = {"protocol": "fixed_steps", "evaluate_on": "held_out", "clamp": 1.0}
    verdict = replayed("credit_linesearch", "samebatch", consequence, {"oracle_norm": old})
    for parameter, mine, theirs in (
        ("protocol", "fixed_steps", "line_search"),
        ("evaluate_on", "held_out", '["same", "held_out"]'),
        ("clamp", "1", "null"),
    ):
        assert_named(verdict, parameter, f"{mine} in oracle_norm", f"{theirs} in ")


def test_step_sizes_that_each_method_tunes_are_no_confound_of_samebatch() -> None:
    assert named(replayed("credit_linesearch", "samebatch", "caveat", {})) == []


# --- through MLflow -------------------------------------------------------------------------------


@pytest.fixture
def store(new_home: Callable[[], Home]) -> MlflowRuns:
    return MlflowRuns(new_home())


def log(store: MlflowRuns, arm: str, seed: int, params: Mapping[str, Any], **marks: str) -> None:
    """What somebody logs who knows MLflow and four tags."""
    here = {tags.PROGRAM: "small", tags.PHASE: "first", tags.ARM: arm, tags.SEED: str(seed)}
    client, name = store.client, "elsewhere"
    experiment = client.get_experiment_by_name(name)
    where = experiment.experiment_id if experiment else client.create_experiment(name)
    run = client.create_run(
        where, tags={**here, **{k: v for k, v in marks.items() if k != "data"}}
    ).info.run_id
    for key, value in params.items():
        client.log_param(run, key, value)
    client.log_inputs(run, [dataset_input("theirs", marks.get("data", "d1"), None)])
    client.log_metric(run, "score", 0.1 * seed)
    client.set_terminated(run)


@pytest.mark.parametrize("consequence", CONSEQUENCES)
@pytest.mark.parametrize(
    ("base", "new", "parameter", "values"),
    [
        ({"batch_size": 64}, {"batch_size": 1024}, "batch_size", ("64 in base", "1024 in new")),
        ({"device": "cpu"}, {"device": "cuda"}, "device", ("cpu in base", "cuda in new")),
        (
            {"augment": {"flip": True}},
            {"augment": {"flip": False}},
            "augment",
            ('{"flip": true} in base', '{"flip": false} in new'),
        ),
    ],
)
def test_what_others_logged_as_parameters_is_named(
    store: MlflowRuns, base: Any, new: Any, parameter: str, values: tuple[str, str], consequence: str
) -> None:
    for seed in range(3):
        log(store, "base", seed, {"kind": "base", "lr": 1e-3, **base})
        log(store, "new", seed, {"kind": "new", "lr": "0.001", **new})
    program = strict(small(), "first", consequence)
    verdict = stand(program, store.snapshot(program).finished, no_run=True).verdicts["first"]
    assert_named(verdict, parameter, *values)
    assert named(verdict) == [f"confound:{parameter}"]


def test_data_and_device_that_others_logged_by_dataset_and_tag_are_named(store: MlflowRuns) -> None:
    for seed in range(3):
        log(store, "base", seed, {"kind": "base"}, data="d1", **{tags.DEVICE: "cpu"})
        log(store, "new", seed, {"kind": "new"}, data="d2", **{tags.DEVICE: "cuda"})
    verdict = stand(small(), store.snapshot(small()).finished, no_run=True).verdicts["first"]
    assert_named(verdict, "dataset digest", "d1 in base", "d2 in new")
    assert_named(verdict, "device", "cpu in base", "cuda in new")


@pytest.mark.parametrize(
    ("stated", "parameter", "values"),
    [
        ({"base": {"device": "cpu"}, "new": {"device": "cuda"}}, "device", ("cpu in base", "cuda in new")),
        (
            {arm: {"versions": {"torch": v}} for arm, v in (("base", "2.12"), ("new", "2.13"))},
            "torch version",
            ("2.12 in base", "2.13 in new"),
        ),
    ],
)
def test_what_our_own_runs_ran_on_and_with_is_named(
    store: MlflowRuns, tmp_path: Path, stated: Any, parameter: str, values: tuple[str, str]
) -> None:
    program, catalog = small(), catalog_of(small())
    for arm, of_arm in stated.items():
        for seed in range(3):
            planned = catalog.planned("first", arm, "standard", seed)
            description = description_of(planned.params)
            run = store.start(program, planned, description, "phase-1", 1, None, 1_700_000_000.0)
            folder = tmp_path / f"{arm}-{seed}"
            folder.mkdir()
            (folder / "metrics.jsonl").write_text(json.dumps(["score", 0, 0.1 * seed]) + "\n")
            ended = Ended(job_id="j", outcome="ok", seconds=1.0, **of_arm)
            store.finish(run, folder, ended, 1_700_000_000.0)
    verdict = stand(program, store.snapshot(program).finished, no_run=True).verdicts["first"]
    assert_named(verdict, parameter, *values)
    assert named(verdict) == [f"confound:{parameter}"]


@pytest.mark.slow
def test_both_documents_logged_by_a_plain_script_are_named(store: MlflowRuns, tmp_path: Path) -> None:
    planted = {"gated_ctr": {}, "credit_linesearch": {"clamp": None}}
    for name, change in planted.items():
        figures = figures_of(name)
        if change:
            raw_run(figures, "phase_6a", "oracle")["params"].update(change)
        document = {"program": name, "phases": {phase: {"runs": runs} for phase, runs in figures.items()}}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        env = {**os.environ, "MLFLOW_TRACKING_URI": store.uri}
        words = [sys.executable, str(ROOT / "tests" / "support" / "plain_mlflow.py"), str(path), *figures]
        subprocess.run(words, check=True, env=env, cwd=tmp_path, capture_output=True, timeout=300)
    verdicts = {
        name: stand(program_of(name), store.snapshot(program_of(name)).finished, no_run=True).verdicts
        for name in planted
    }
    assert_blocked_or_named(
        verdicts["gated_ctr"]["regularization"], "lr", "0.0003 in balanced", "0.001 in weak"
    )
    assert_named(verdicts["credit_linesearch"]["phase_6a"], "clamp", "null in oracle", "1 in ")
