"""Small programs, runs and evidence for tests: plain records, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from planner.criteria.judge import judge_criteria
from planner.criteria.test_design import TestDesign
from planner.evidence.evidence import Evidence
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program, build
from planner.records.runs import Run
from planner.records.verdict import CriterionResult, GuardResult, Verdict

PHASE = "look"
METRICS = {
    "acc": {"unit": "fraction", "better": "higher", "floor": 0.5},
    "loss": {"unit": "nats", "better": "lower"},
    "f1": {"unit": "fraction", "better": "higher", "floor": "f1_floor"},
    "f1_floor": {"unit": "fraction", "better": "neither"},
    "part": {"unit": "nats", "better": "lower"},
    "rest": {"unit": "nats", "better": "lower"},
    "part_share": {"unit": "fraction", "better": "lower", "share": "part", "of": ["part", "rest"]},
}
ARMS = ("base", "new", "third")

HIGH = {"metric": "acc", "arm": "base", "above": 0.5}
LOW = {"metric": "loss", "arm": "base", "below": 0.5}
BETTER = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}
IS_BETTER = {"better": {"metric": "acc", "arm": "new", "versus": "base", "above": 0.0}}
GOOD, BAD, UNSURE = [0.90, 0.91, 0.92], [0.10, 0.11, 0.12], [0.2, 0.5, 0.8]
"""Values by seed that pass a bound at 0.5 surely, fail it surely, or leave it open."""


def make_program(
    criteria: Mapping[str, Mapping[str, Any]],
    gate: Sequence[str] | None = None,
    arms: Mapping[str, Mapping[str, Any]] | None = None,
    budget: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
    deterministic: Sequence[str] = (),
    metrics: Mapping[str, Any] | None = None,
    **phase: Any,
) -> Program:
    """A program of one phase ``look``; the gate asks for every criterion where it is not given.

    Args:
        more: further phases.
        metrics: further metrics.
        deterministic: metrics that the program states are, so that a test may give each arm one value.
    """
    arms = arms or {name: {"kind": name} for name in ARMS}
    body: dict[str, Any] = {
        "question": "Is it better?",
        "arms": list(arms),
        "factor": "kind",
        "criteria": {k: dict(v) for k, v in criteria.items()},
        "gate": list(criteria) if gate is None else list(gate),
        **phase,
    }
    return build(
        {
            "program": "tiny",
            "question": "Is it better?",
            "experiment": "tiny",
            "metrics": {
                name: {**metric, "deterministic": name in deterministic}
                for name, metric in {**METRICS, **(metrics or {})}.items()
            },
            "arms": {k: dict(v) for k, v in arms.items()},
            "phases": {PHASE: body, **(more or {})},
            "budget": dict(budget or {}),
        }
    )


def make_run(arm: str, seed: int = 0, **fields: Any) -> Run:
    """A finished run of an arm that logged its data and parameters; ``fields`` are those of a record."""
    identity = {"id": f"{arm}-{seed}", "phase": PHASE, "arm": arm, "seed": seed}
    return Run.model_validate({**identity, "data_digest": "data", "params": {"kind": arm}, **fields})


def runs(acc: list[Any], loss: list[Any] | None = None, arm: str = "base", **fields: Any) -> list[Any]:
    """Runs of an arm by seed; None leaves a metric out."""
    made = []
    for seed, value in enumerate(acc):
        given = {"acc": value, "loss": loss[seed] if loss else None}
        metrics = {k: v for k, v in given.items() if v is not None}
        made.append(make_run(arm, seed, metrics=metrics, **fields))
    return made


def make_evidence(
    values: Mapping[str, Any],
    metric: str = "acc",
    declared: Mapping[str, Mapping[str, Any]] | None = None,
    **fields: Any,
) -> Evidence:
    """Evidence from values of one metric.

    Args:
        values: arm -> values by seed from 0 (None: the run lacks the metric), or arm -> runs.
        fields: of every run that is made here.
    """
    runs: dict[str, dict[int, Run]] = {}
    for arm, given in values.items():
        made = [_as_run(arm, seed, value, metric, fields) for seed, value in enumerate(given)]
        runs[arm] = {run.seed: run for run in made}
    return Evidence(PHASE, "standard", runs, {}, declared or {arm: {"kind": arm} for arm in values})


def _as_run(arm: str, seed: int, value: Any, metric: str, fields: Mapping[str, Any]) -> Run:
    if isinstance(value, Run):
        return value
    metrics = value if isinstance(value, dict) else {} if value is None else {metric: value}
    return make_run(arm, seed, metrics=metrics, **fields)


def make_test_design(required: Sequence[str] = (), final: bool = False, **fields: Any) -> TestDesign:
    """Three seeds planned, six at most."""
    return TestDesign(
        **{"seeds": 3, "most_seeds": 6, "final": final, "required": frozenset(required), **fields}
    )


def judged(
    criterion: Mapping[str, Any], evidence: Evidence, optional: bool = False, **design: Any
) -> CriterionResult:
    """The result of one criterion ``c``, which the gate requires unless it is optional."""
    program = make_program(
        {"c": criterion, "other": {"metric": "acc", "arm": "base", "above": -9e9}}, ["other"]
    )
    rules = make_test_design([] if optional else ["c"], **design)
    return judge_criteria(program, PHASE, evidence, rules, {}, with_flip_points=True)["c"]


def verdict_of(
    program: Program,
    evidence: Evidence,
    final: bool = True,
    earlier: Mapping[str, Verdict] | None = None,
    fidelity: str = "standard",
    **more: Any,
) -> Verdict:
    """The verdict of the phase ``look``."""
    design = build_test_design(program, PHASE, fidelity, final)
    return judge_phase(program, PHASE, evidence, design, earlier, **more)


def guards(evidence: Evidence, criteria: dict[str, Any] = IS_BETTER, **phase: Any) -> dict[str, GuardResult]:
    """The guards of the verdict on this evidence, by id; ``judged_at`` is the fidelity."""
    fidelity = phase.pop("judged_at", "standard")
    verdict = verdict_of(make_program(criteria, **phase), evidence, fidelity=fidelity)
    return {g.id: g for g in verdict.guards}


def two(base: dict[str, Any], new: dict[str, Any], declared: dict[str, Any] | None = None) -> Evidence:
    """Three seeds of both arms; the fields are those of their runs."""
    runs = {
        arm: [make_run(arm, s, metrics={"acc": 0.5}, **fields) for s in range(3)]
        for arm, fields in (("base", base), ("new", new))
    }
    return make_evidence(runs, declared=declared or {"base": {"kind": "base"}, "new": {"kind": "new"}})
