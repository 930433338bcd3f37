"""The guard ``leak``: training saw what evaluation asks about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from planner.evidence.evidence import Evidence
from planner.judging.verdict import build_test_design, judge_phase
from tests.studies.replays.replaying import program_of
from tests.support.builders import GOOD, IS_BETTER, guards, make_evidence, make_program, make_run, verdict_of


def runs_with(base: float | None, new: float | None, metric: float | None = None) -> Evidence:
    """Three seeds of both arms, whose data overlap so much; ``metric`` is logged as f1."""
    more = {} if metric is None else {"f1": metric}
    runs = {
        arm: [make_run(arm, s, metrics={"acc": v, **more}, overlap=overlap) for s, v in enumerate(GOOD)]
        for arm, overlap in (("base", base), ("new", new))
    }
    return make_evidence(runs)


def test_a_share_that_training_saw_is_named_with_its_arms_and_makes_the_verdict_provisional() -> None:
    guard = guards(runs_with(0.25, 1.0))["leak"]
    assert (guard.outcome, guard.consequence, guard.observed) == ("not_met", "caveat", 1.0)
    assert guard.reason == "training saw a part of the evaluation data: 100% in new; 25% in base"
    arms = {"base": {"kind": "base"}, "new": {"kind": "new"}}
    program = make_program({"high": {"metric": "acc", "arm": "base", "above": 0.5}}, arms=arms)
    assert verdict_of(program, runs_with(0.0, 0.0)).confidence == "confirmed"
    leaking = verdict_of(program, runs_with(0.25, 0.25))
    assert (leaking.outcome, leaking.confidence) == ("pass", "provisional")
    assert "leak: training saw a part of the evaluation data: 25% in base, new" in leaking.caveats


@pytest.mark.parametrize("consequence", ["invalid", "blocked", "caveat"])
def test_a_leak_has_the_consequence_that_is_declared(consequence: str) -> None:
    verdict = verdict_of(make_program(IS_BETTER, guards={"leak": consequence}), runs_with(0.0, 0.1))
    if consequence == "caveat":
        assert verdict.outcome not in ("invalid", "blocked")
    else:
        assert (verdict.outcome, verdict.cause) == (consequence, "leak")


def test_nothing_is_said_where_no_run_says_and_not_more_than_the_runs_say() -> None:
    assert "leak" not in guards(runs_with(None, None))
    assert guards(runs_with(0.0, 0.0))["leak"].reason == "training saw none of the evaluation data"
    assert guards(runs_with(0.0, None))["leak"].reason.endswith(", as far as runs say")
    assert guards(runs_with(0.2, None))["leak"].outcome == "not_met"


# --- where the author bounds the share himself --------------------------------------------------

OWN = {"no_leak": {"metric": "f1", "each_of": ["base", "new"], "at_most": 0.5, "treatment": "point"}}
BOTH = {**IS_BETTER, **OWN}


@pytest.mark.parametrize("overlap", [0.25, 1.0])
@pytest.mark.parametrize("named", [{"guards": {"no_leak": "caveat"}}, {"gate": ["better", "no_leak"]}])
def test_a_declared_bound_on_that_very_share_replaces_the_built_in(
    overlap: float, named: Mapping[str, Any]
) -> None:
    evidence = runs_with(overlap, overlap, metric=overlap)
    assert "leak" not in guards(evidence, BOTH, **{"gate": ["better"], **named})


def test_a_phase_that_names_leak_has_both() -> None:
    named = {"guards": {"no_leak": "caveat", "leak": "invalid"}}
    results = guards(runs_with(1.0, 1.0, metric=1.0), BOTH, gate=["better"], **named)
    assert (results["leak"].outcome, results["no_leak"].outcome) == ("not_met", "not_met")


@pytest.mark.parametrize(
    ("metric", "bound", "named"),
    [
        (0.9, {}, {"guards": {"no_leak": "caveat"}}),  # another quantity
        (1.0, {}, {}),  # a criterion that nothing rests on
        (1.0, {"at_most": None, "at_least": 0.5}, {"guards": {"no_leak": "caveat"}}),  # asks for more of it
    ],
)
def test_a_criterion_that_does_not_bound_the_share_hides_no_leak(
    metric: float, bound: Mapping[str, Any], named: Mapping[str, Any]
) -> None:
    rule = {k: v for k, v in {**OWN["no_leak"], **bound}.items() if v is not None}
    results = guards(
        runs_with(1.0, 1.0, metric=metric), {**IS_BETTER, "no_leak": rule}, gate=["better"], **named
    )
    assert results["leak"].outcome == "not_met"


# --- the programs that ship ---------------------------------------------------------------------


def as_described(phase: str) -> Evidence:
    """Runs of the retrieval study that say of their data what its description does."""
    program, runs = program_of("contrastive_retrieval"), {}
    for arm in program.phases[phase].arms:
        disjoint = program.params(phase, arm).get("split") == "article_disjoint"
        share = 0.0 if disjoint else 1.0
        fields = {"phase": phase, "metrics": {"leak_overlap": share}, "overlap": share}
        runs[arm] = {seed: make_run(arm, seed, **fields) for seed in range(3)}
    return Evidence(phase, "standard", runs)


@pytest.mark.parametrize("phase", list(program_of("contrastive_retrieval").phases))
def test_a_leak_of_the_retrieval_study_is_reported_once_in_every_phase_that_has_one(phase: str) -> None:
    program, evidence = program_of("contrastive_retrieval"), as_described(phase)
    design = build_test_design(program, phase, "standard", final=True)
    results = {g.id: g for g in judge_phase(program, phase, evidence, design).guards}
    declared = [results[name] for name in ("no_leak", "new_articles_are_new") if name in results]
    assert len(declared) + ("leak" in results) == 1
    if phase == "leak_check":  # the leak is what this phase asks about; its new articles are new
        assert declared[0].outcome == "met"
    elif phase != "phase2":
        assert [*declared, results.get("leak")][0].outcome == "not_met"  # type: ignore[union-attr]
