"""The guards ``seeds_matter`` and ``deterministic``: no variation is no certainty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from planner.judging.rules_digest import phase_rules
from planner.language.program import Program, build
from planner.records.verdict import CriterionResult, Verdict
from planner.testing import MemoryHome, example_program
from tests.support.builders import BETTER, METRICS, PHASE, make_evidence, make_program, make_run, verdict_of

VERSUS = {"metric": "acc", "arm": "new", "versus": "base"}
RULES: dict[str, dict[str, Any]] = {
    "better by": BETTER,
    "difference": {**VERSUS, "above": 0.0},
    "ratio": {**VERSUS, "as": "ratio", "above": 1.0},
    "equivalence": {**VERSUS, "within": 0.5},
    "level of each": {"metric": "acc", "each_of": ["base", "new"], "above": 0.1},
    "level of any": {"metric": "acc", "any_arm": ["base", "new"], "above": 0.1},
    "order": {"metric": "acc", "best_first": ["new", "base"]},
    "plateau": {"metric": "acc", "spread_of": ["new", "base"], "at_most": 0.5},
    "deviation": {"metric": "acc", "arm": "new", "over_seeds": "sd", "at_most": 0.5},
}
NOISY = (0.5, 0.52, 0.49, 0.51, 0.505, 0.515)


def verdict(rule: Mapping[str, Any], values: Mapping[str, list[float]], **phase: Any) -> Verdict:
    return verdict_of(make_program({"c": rule}, **phase), make_evidence(values), final=False)


def only(judged: Verdict) -> CriterionResult:
    return judged.criteria[0]


def guard_of(judged: Verdict, name: str = "seeds_matter") -> str:
    """The reason of a guard; empty where there is no such result."""
    return next((g.reason for g in judged.guards if g.id == name), "")


# --- each arm repeats one value -------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [2, 3, 6, 32])
@pytest.mark.parametrize("noise", [0.0, 1e-13])
@pytest.mark.parametrize("name", RULES)
def test_where_each_arm_repeats_one_value_nothing_is_confirmed_and_nothing_equivalent(
    name: str, noise: float, seeds: int
) -> None:
    values = {arm: [v + noise * (s % 2) for s in range(seeds)] for arm, v in (("base", 0.5), ("new", 0.8))}
    judged = verdict(RULES[name], values, budget={"seeds_per_arm": 32})
    assert (judged.outcome, judged.confidence) == ("inconclusive", "provisional")
    assert (only(judged).outcome, only(judged).answer) in (("undecided", None), ("undecided", "inconclusive"))
    assert "the seed had no effect on acc: " in guard_of(judged)
    assert f" are the same at all {seeds} seeds; is the seed used?" in guard_of(judged)


def test_all_seeds_at_which_each_arm_repeats_one_value_count_as_one() -> None:
    result = only(verdict(BETTER, {"base": [0.5] * 3, "new": [0.8] * 3}))
    assert (result.n, result.cause) == (1, "no_variation")
    assert "the seed had no effect: one value at 3 seeds counts once" in result.reason


@pytest.mark.parametrize("final", [False, True])
def test_arms_that_are_the_same_to_the_last_bit_are_no_evidence_of_no_difference(final: bool) -> None:
    evidence = make_evidence({"base": [0.5] * 3, "new": [0.5] * 3})
    judged = verdict_of(make_program({"c": RULES["equivalence"]}), evidence, final)
    assert (judged.outcome, judged.cause) == ("inconclusive", "no_variation")
    assert guard_of(judged).endswith("The arms are bit-identical: is the factor wired?")


def test_a_guard_that_is_declared_invalid_is() -> None:
    values = {"base": [0.5] * 3, "new": [0.8] * 3}
    judged = verdict(BETTER, values, guards={"seeds_matter": "invalid"})
    assert (judged.outcome, judged.cause) == ("invalid", "seeds_matter")


def test_claims_rest_on_no_spread_of_zero() -> None:
    claims = {
        "better": {"says": "It is better.", "supported": ["c"]},
        "same": {"says": "It is the same.", "supported": ["c"], "equivalent": ["flat"]},
    }
    criteria = {"c": {**VERSUS, "above": 0.0}, "flat": {**VERSUS, "within": 0.5}}
    program = make_program(criteria, gate=["c"], claims=claims)
    judged = verdict_of(program, make_evidence({"base": [0.5] * 3, "new": [0.6] * 3}))
    assert [claim.status for claim in judged.claims] == ["proposed", "proposed"]


def test_no_seeds_are_added_where_the_seed_makes_no_difference() -> None:
    home = MemoryHome(example_program(), lambda run: {"val_accuracy": 0.9 if run.arm == "plain" else 0.95})
    assert home.advance().state == "done"
    assert len(home.runs) == 6
    assert home.verdicts["first_look"].outcome == "inconclusive"


def test_a_smoke_run_that_repeats_one_value_says_so() -> None:
    program = make_program({"c": BETTER})
    evidence = make_evidence({"base": [0.5] * 2, "new": [0.8] * 2})
    judged = verdict_of(program, evidence, fidelity="smoke")
    assert "the seed had no effect on acc" in guard_of(judged)
    assert judged.confidence == "provisional"


# --- some things vary -----------------------------------------------------------------------------


def test_a_baseline_at_its_ceiling_is_no_fault_of_the_seed() -> None:
    judged = verdict({**VERSUS, "below": 0.0}, {"base": [1.0] * 3, "new": list(NOISY[:3])})
    assert (judged.outcome, guard_of(judged)) == ("pass", "")


def test_differences_that_do_not_vary_say_nothing_of_the_noise_though_arms_vary() -> None:
    values = {"base": list(NOISY[:3]), "new": [x + 0.3 for x in NOISY[:3]]}
    judged = verdict(BETTER, values)
    assert (judged.outcome, guard_of(judged)) == ("inconclusive", "")
    assert "no variation over 3 seeds: nothing is known of the noise" in only(judged).reason
    assert only(judged).n == 3


def test_arms_that_vary_alike_to_the_last_bit_are_asked_about_their_factor() -> None:
    judged = verdict(RULES["equivalence"], {"base": list(NOISY), "new": list(NOISY)})
    assert judged.outcome == "inconclusive"
    assert only(judged).reason.endswith("the arms are bit-identical: is the factor wired?")


def test_an_arm_at_its_ceiling_is_judged_by_the_noise_of_the_other_arms() -> None:
    values, budget = {"base": [1.0] * 3, "new": list(NOISY[:3])}, {"seeds_per_arm": 3}
    judged = verdict({"metric": "acc", "each_of": ["base", "new"], "above": 0.3}, values, budget=budget)
    ceiling = only(judged).parts[0]
    assert (ceiling.outcome, ceiling.treatment) == ("met", "bounds")
    assert ceiling.interval is not None and ceiling.interval[0] < 1.0 < ceiling.interval[1]
    assert "the noise is that of the other arms" in ceiling.reason
    near = verdict({"metric": "acc", "each_of": ["base", "new"], "above": 0.99}, values, budget=budget)
    assert only(near).parts[0].outcome == "undecided"


def test_a_flag_borrows_no_noise() -> None:
    metrics = {**METRICS, "acc": {"unit": "flag", "better": "higher"}}
    raw = make_program({"c": {"metric": "acc", "each_of": ["base", "new"], "above": 0.3}})
    program = build({**raw.model_dump(by_alias=True, exclude_unset=True), "metrics": metrics})
    judged = verdict_of(program, make_evidence({"base": [1.0] * 3, "new": [1.0, 0.0, 1.0]}))
    assert only(judged).parts[0].outcome == "undecided"


def test_a_guard_is_about_the_runs_that_are_there_whether_or_not_they_vary() -> None:
    overlap = {"metric": "loss", "each_of": ["base", "new"], "at_most": 0.05}
    program = make_program({"c": BETTER, "no_leak": overlap}, gate=["c"], guards={"no_leak": "invalid"})
    values = {
        arm: [{"acc": v * (1 + s / 100), "loss": 0.0} for s in range(3)]
        for arm, v in (("base", 0.5), ("new", 0.8))
    }
    judged = verdict_of(program, make_evidence({**values, "third": values["base"]}))
    assert (judged.outcome, judged.confidence, judged.caveats) == ("pass", "confirmed", ())


# --- the program states that a metric is deterministic --------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_a_metric_that_is_stated_deterministic_is_compared_as_it_is_and_confirmed(name: str) -> None:
    program = make_program(
        {"c": RULES[name]}, arms={"base": {"kind": "a"}, "new": {"kind": "b"}}, deterministic=["acc"]
    )
    judged = verdict_of(program, make_evidence({"base": [0.6] * 3, "new": [0.8] * 3}), final=False)
    assert (judged.outcome, judged.confidence, judged.caveats) == ("pass", "confirmed", ())
    assert (only(judged).treatment, only(judged).interval) == ("deterministic", None)
    assert "the program states that acc is deterministic" in only(judged).reason
    assert guard_of(judged, "deterministic") == "the program states that acc is deterministic"


@pytest.mark.parametrize(
    ("values", "bound", "outcome"),
    [
        ((0.2, 0.3), {"at_least": 0.1}, "met"),  # .3 - .2 is less than .1 by rounding
        ((0.2, 0.3), {"above": 0.1}, "not_met"),
        ((0.3, 0.2), {"at_most": -0.1}, "met"),
        ((0.2, 0.3), {"within": 0.1}, "met"),
        ((0.2, 0.3), {"better_by": 0.1}, "met"),
        ((0.2, 0.3), {"better_by": 0.11}, "not_met"),
        ((0.2, 0.3), {"at_least": 0.1001}, "not_met"),
        ((1e9, 1e9), {"within": 1e-9}, "met"),
    ],
)
def test_a_value_on_its_bound_but_for_rounding_is_on_its_bound(
    values: tuple[float, float], bound: dict[str, float], outcome: str
) -> None:
    evidence = make_evidence({"base": [values[0]] * 3, "new": [values[1]] * 3})
    stated = make_program({"c": {**VERSUS, **bound}}, deterministic=["acc"])
    assert only(verdict_of(stated, evidence)).outcome == outcome
    silent = make_program({"c": {**VERSUS, **bound}})
    assert only(verdict_of(silent, evidence)).outcome == "undecided"


@pytest.mark.parametrize("step", [None, 1])
def test_two_seeds_that_differ_break_the_statement_and_the_phase_is_invalid(step: int | None) -> None:
    rule = {**VERSUS, "above": 0.0, **({"at": step} if step else {})}
    runs = {
        arm: [
            {
                "metrics": {"acc": v + (0.0 if step else s / 100)},
                "series": {"acc": ((1, v + s / 100), (2, v))},
            }
            for s in range(3)
        ]
        for arm, v in (("base", 0.5), ("new", 0.8))
    }
    evidence = make_evidence(
        {a: [make_run(a, s, **fields) for s, fields in enumerate(rs)] for a, rs in runs.items()}
    )
    judged = verdict_of(make_program({"c": rule}, deterministic=["acc"]), evidence)
    assert (judged.outcome, judged.cause) == ("invalid", "deterministic")
    assert "of base differs between seeds: 0.5 to 0.52" in guard_of(judged, "deterministic")


def test_a_program_may_state_it_of_all_its_metrics_and_a_metric_may_say_otherwise() -> None:
    raw = example_program().model_dump(by_alias=True, exclude_unset=True)
    assert build({**raw, "deterministic": True}).metrics["val_accuracy"].deterministic
    raw["metrics"]["val_accuracy"]["deterministic"] = False
    assert not build({**raw, "deterministic": True}).metrics["val_accuracy"].deterministic


def test_what_a_program_does_not_state_is_no_part_of_its_rules() -> None:
    def acc(program: Program) -> dict[str, Any]:
        return dict(phase_rules(program, PHASE)["metrics"]["acc"])

    assert "deterministic" not in acc(make_program({"c": BETTER}))
    assert acc(make_program({"c": BETTER}, deterministic=["acc"]))["deterministic"] is True


def test_a_metric_beside_one_that_varies_is_compared_by_the_noise_of_both() -> None:
    rule = {"metric": "acc", "arm": "new", "versus_metric": "loss", "above": 0.0}
    program = make_program({"c": rule}, deterministic=["acc"])
    evidence = make_evidence({"new": [{"acc": 0.9, "loss": x} for x in NOISY[:3]]})
    assert only(verdict_of(program, evidence)).treatment == "bounds"
