"""Comparison: differences and ratios between arms, paired by seed."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from planner.evidence.evidence import Evidence
from planner.statistics import anytime
from planner.statistics.sequential import first_answer, noise_of_others, pooled_prior
from tests.support.builders import judged, make_evidence, make_run

POINT: dict[str, Any] = {"metric": "acc", "arm": "new", "versus": "base", "treatment": "point"}
BETTER: dict[str, Any] = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}


def pair(base: list[Any], new: list[Any], metric: str = "acc") -> Evidence:
    return make_evidence({"base": base, "new": new}, metric)


@pytest.mark.parametrize(
    ("bound", "difference", "outcome", "answer"),
    [
        ({"at_least": 0.25}, 0.125, "not_met", "refuted"),
        ({"at_least": 0.25}, 0.25, "met", "supported"),
        ({"at_least": 0.25}, 0.5, "met", "supported"),
        ({"above": 0.25}, 0.25, "not_met", "refuted"),
        ({"below": 0.25}, 0.25, "not_met", "refuted"),
        ({"at_most": 0.25}, 0.25, "met", "supported"),
        ({"between": [0.25, 0.5]}, 0.5, "met", "supported"),
        ({"within": 0.25}, 0.25, "met", "equivalent"),
        ({"within": 0.25}, -0.25, "met", "equivalent"),
        ({"within": 0.25}, 0.5, "not_met", "refuted"),
        ({"better_by": 0.25}, 0.25, "met", "supported"),
        ({"better_by": 0.25}, 0.125, "undecided", "inconclusive"),
        ({"better_by": 0.25}, 0.0, "not_met", "refuted"),
        ({"better_by": 0.25}, -1.0, "not_met", "refuted"),
    ],
)
def test_point_difference_just_below_at_and_above_each_bound(
    bound: dict[str, Any], difference: float, outcome: str, answer: str
) -> None:
    result = judged({**POINT, **bound}, pair([0.5], [0.5 + difference]))
    assert (result.outcome, result.answer) == (outcome, answer)
    assert result.observed == difference


def test_better_by_counts_a_lower_value_as_the_improvement_where_lower_is_better() -> None:
    rule = {"metric": "loss", "arm": "new", "versus": "base", "better_by": 0.25, "treatment": "point"}
    lower = judged(rule, pair([1.0], [0.5], "loss"))
    assert (lower.outcome, lower.observed) == ("met", 0.5)
    higher = judged(rule, pair([0.5], [1.0], "loss"))
    assert (higher.outcome, higher.observed) == ("not_met", -0.5)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ([0.75], "new against base: better in acc by +0.25, asked better by 0.1"),
        ([0.5], "new against base: better in acc by 0, asked better by 0.1"),
        ([0.25], "new against base: worse in acc by 0.25, asked better by 0.1"),
    ],
)
def test_a_negative_improvement_is_told_as_a_worsening(new: list[float], reason: str) -> None:
    assert judged({**BETTER, "treatment": "point"}, pair([0.5], new)).reason == reason


def test_the_interval_of_a_worsening_is_turned_round_with_it() -> None:
    rule = {**BETTER, "treatment": "interval"}
    better = judged(rule, pair([0.0] * 3, [0.25, 0.5, 0.75]))
    worse = judged(rule, pair([0.25, 0.5, 0.75], [0.0] * 3))
    assert worse.reason == better.reason.replace("better in acc by +", "worse in acc by ")
    assert (worse.observed, worse.interval) == (-0.5, tuple(-x for x in reversed(better.interval or ())))


def test_a_plain_difference_keeps_its_sign_whichever_way_is_better() -> None:
    rule = {"metric": "loss", "arm": "new", "versus": "base", "at_most": 0.0, "treatment": "point"}
    assert judged(rule, pair([1.0], [0.5], "loss")).observed == -0.5


def test_a_ratio_is_taken_seed_by_seed_and_within_is_centred_on_one() -> None:
    rule = {**POINT, "as": "ratio"}
    result = judged({**rule, "at_most": 0.5}, pair([1.0, 4.0], [0.5, 1.0]))
    assert (result.observed, result.unit, result.outcome) == (0.375, "ratio", "met")
    for new, outcome in ((1.125, "met"), (0.875, "met"), (1.25, "not_met"), (0.125, "not_met")):
        assert judged({**rule, "within": 0.125}, pair([1.0], [new])).outcome == outcome


@pytest.mark.parametrize("base", [0.0, 1e-299])
def test_a_ratio_that_is_not_finite_is_invalid(base: float) -> None:
    result = judged({**POINT, "as": "ratio", "at_most": 0.5}, pair([base], [1e299]))
    assert (result.outcome, result.cause) == ("invalid", "not_finite")


@pytest.mark.parametrize("side", ["base", "new"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.797e308])
def test_a_value_that_is_not_finite_on_either_side_is_invalid(side: str, value: float) -> None:
    values: dict[str, Any] = {"base": [0.5] * 4, "new": [0.9] * 4, side: [0.5, 0.5, value, 0.5]}
    for optional in (False, True):
        result = judged(BETTER, make_evidence(values), optional)
        assert (result.outcome, result.answer, result.observed) == ("invalid", None, None)


@pytest.mark.parametrize("side", ["base", "new"])
def test_an_absent_arm_is_undecided_where_required_and_not_applicable_elsewhere(side: str) -> None:
    values = {arm: [0.5] * 3 for arm in ("base", "new") if arm != side}
    result = judged(BETTER, make_evidence(values))
    assert (result.outcome, result.cause) == ("undecided", "missing")
    assert f"arm '{side}' has no usable run" in result.reason
    assert judged(BETTER, make_evidence(values), optional=True).outcome == "not_applicable"


def test_arms_that_share_no_seed_are_not_compared() -> None:
    evidence = make_evidence(
        {
            "base": [make_run("base", s, metrics={"acc": 0.5}) for s in (0, 1, 2)],
            "new": [make_run("new", s, metrics={"acc": 0.9}) for s in (3, 4, 5)],
        }
    )
    result = judged(BETTER, evidence, final=True)
    assert (result.outcome, result.cause, result.reason) == (
        "undecided",
        "missing",
        "new and base share no seed",
    )


def test_only_the_seeds_that_both_have_count() -> None:
    """Unpaired, new is ahead by .3 because it lacks the hard seed; paired it is not."""
    evidence = make_evidence({"base": [0.5, 0.5, 0.1], "new": [0.5, 0.5]})
    result = judged({**POINT, "above": 0.0}, evidence)
    assert (result.n, result.observed, result.outcome) == (2, 0.0, "not_met")


def test_pairing_removes_what_seeds_have_in_common() -> None:
    noise = [0.0, 0.3, -0.2]
    base, new = [0.5 + x for x in noise], [0.55 + x + 0.001 * i for i, x in enumerate(noise)]
    result = judged({**POINT, "treatment": "interval", "above": 0.0}, pair(base, new))
    assert result.outcome == "met"


def test_two_metrics_of_one_arm_are_compared() -> None:
    rule = {"metric": "f1", "versus_metric": "acc", "arm": "base", "within": 0.125, "treatment": "point"}
    evidence = make_evidence({"base": [{"f1": 0.5, "acc": 0.625}]})
    result = judged(rule, evidence)
    assert (result.outcome, result.answer, result.observed) == ("met", "equivalent", -0.125)


def test_a_metric_is_compared_with_another_metric_of_another_arm_at_its_best_step() -> None:
    new = make_run("new", metrics={"f1": 0.25})
    base = make_run("base", metrics={"loss": 9.0}, series={"loss": ((1, 2.0), (2, 1.0), (3, 9.0))})
    rule = {
        "metric": "f1",
        "arm": "new",
        "versus": "base",
        "versus_metric": "loss",
        "at": "min",
        "as": "ratio",
        "at_most": 0.5,
        "treatment": "point",
    }
    result = judged(rule, make_evidence({"base": [base], "new": [new]}))
    assert (result.observed, result.outcome) == (0.25, "met")
    assert "new.f1 / base.loss (min)" in result.reason


def test_equivalence_over_seeds_asks_for_the_whole_interval() -> None:
    rule = {"metric": "acc", "arm": "new", "versus": "base", "within": 0.1}
    base = [0.5, 0.6, 0.7]
    close = judged(rule, pair(base, [0.501, 0.6, 0.699]))
    assert (close.outcome, close.answer) == ("met", "equivalent")
    noisy = judged(rule, pair(base, [0.6, 0.6, 0.6]))
    assert (noisy.outcome, noisy.answer) == ("undecided", "inconclusive")
    far = judged(rule, pair(base, [0.801, 0.9, 0.999]))
    assert (far.outcome, far.answer) == ("not_met", "refuted")


def test_the_sequential_rule_is_the_default_of_better_by() -> None:
    base = [0.5] * 5
    supported = judged(BETTER, pair(base, [0.62, 0.54, 0.69, 0.57, 0.61]))
    assert (supported.outcome, supported.answer, supported.treatment) == ("met", "supported", "sequential")
    assert supported.n == 5
    refuted = judged(BETTER, pair(base, [0.531, 0.458, 0.595, 0.51, 0.472]))
    assert (refuted.outcome, refuted.n) == ("not_met", 4)
    early = judged(BETTER, pair(base[:4], [0.62, 0.54, 0.69, 0.57]))
    assert (early.outcome, early.answer, early.cause) == ("undecided", "inconclusive", "undecided")


def test_no_effect_either_way_is_equivalent_and_harm_is_refuted() -> None:
    """Both are not met; only one of them says that the arms do not differ."""
    base, noise = [0.5] * 6, [0.004, -0.006, 0.002, -0.001, 0.003, -0.004]
    same = judged(BETTER, pair(base, [0.5 + x for x in noise]))
    assert (same.outcome, same.answer) == ("not_met", "equivalent")
    worse = judged(BETTER, pair(base, [0.2 + x for x in noise]))
    assert (worse.outcome, worse.answer) == ("not_met", "refuted")


def test_better_by_with_interval_treatment_asks_whether_it_is_better_at_all() -> None:
    rule, base = {**BETTER, "treatment": "interval"}, [0.5] * 3
    assert judged(rule, pair(base, [0.55, 0.551, 0.552])).outcome == "met"
    assert judged(rule, pair(base, [0.5, 0.501, 0.499])).outcome == "not_met"
    assert judged(rule, pair(base, [0.4, 0.55, 0.7])).outcome == "undecided"


def test_sequential_treatment_of_another_bound_waits_for_the_planned_seeds() -> None:
    """Only better_by says what to test against; an interval looked at after each seed would peek."""
    rule = {**POINT, "treatment": "sequential", "at_least": 0.1}
    values = [0.9, 0.91, 0.92]
    waiting = judged(rule, pair([0.5] * 3, values), seeds=5)
    assert (waiting.outcome, waiting.cause) == ("undecided", "few_seeds")
    full = judged(rule, pair([0.5] * 5, [*values, 0.9, 0.91]), seeds=5)
    assert (full.outcome, full.treatment) == ("met", "interval")


def test_between_two_looks_an_interval_is_judged_on_the_seeds_of_the_first() -> None:
    rule = {"metric": "acc", "arm": "new", "versus": "base", "above": 0.0}
    five = pair([0.5] * 5, [0.6, 0.4, 0.7, 0.9, 0.9])
    assert judged(rule, five).n == 3
    assert judged(rule, five, final=True).n == 5
    assert judged(rule, pair([0.5] * 6, [0.6, 0.4, 0.7, 0.9, 0.9, 0.8])).n == 6


def test_a_family_shares_the_bound_on_support_alone() -> None:
    base, noise = [0.5] * 5, [0.12, 0.04, 0.19, 0.07, 0.11]
    new = [0.5 + x for x in noise]
    alone = judged(BETTER, pair(base, new))
    rule = {"metric": "acc", "any_arm": ["new", "third"], "versus": "base", "better_by": 0.1}
    several = judged(rule, make_evidence({"base": base, "new": new, "third": [0.5 - 2 * x for x in noise]}))
    assert alone.outcome == "met"
    assert several.parts[0].outcome == several.outcome == "undecided"


def test_arms_judged_together_pool_their_noise_before_any_look() -> None:
    """Three arms give the prior four degrees of freedom; a comparison of two metrics gives none."""
    base = [0.50, 0.52, 0.48]
    values = {"base": base, "new": [b + 0.2 for b in base], "third": [0.71, 0.72, 0.69]}
    rule = {"metric": "acc", "any_arm": ["new", "third"], "versus": "base", "better_by": 0.1}
    assert judged(rule, make_evidence(values)).outcome == "met"


def test_order_of_runs_in_the_evidence_does_not_matter() -> None:
    new = [0.62, 0.54, 0.69, 0.57, 0.61]
    forward = {"new": [make_run("new", s, metrics={"acc": v}) for s, v in enumerate(new)]}
    backward = {"new": forward["new"][::-1]}
    base = {"base": [make_run("base", s, metrics={"acc": 0.5}) for s in range(5)]}
    one, other = (
        judged(BETTER, make_evidence({**base, **forward})),
        judged(BETTER, make_evidence({**base, **backward})),
    )
    assert one == other


def several(noises: dict[str, float], seeds: int = 6) -> tuple[dict[str, list[float]], Evidence]:
    """Arms that are .12 better than the base, each with noise of its own size."""
    chance = random.Random(2)
    base = [0.5 + 0.02 * chance.gauss(0, 1) for _ in range(seeds)]
    values = {arm: [b + 0.12 + size * chance.gauss(0, 1) for b in base] for arm, size in noises.items()}
    return values, make_evidence({"base": base, **values})


def test_the_anytime_rule_takes_the_noise_of_the_other_arms_and_not_its_own() -> None:
    """Its own values would choose the effect that they are tested for."""
    rule = {**BETTER, "each_of": ["new", "third", "fourth", "fifth"], "treatment": "anytime"}
    del rule["arm"]
    values, evidence = several({"new": 0.3, "third": 0.01, "fourth": 0.01, "fifth": 0.01})
    base = [run.metrics["acc"] for _, run in sorted(evidence.runs["base"].items())]
    table = [base[:3], *(measured[:3] for measured in values.values())]
    result = judged(rule, evidence)
    assert {part.treatment for part in result.parts} == {"anytime"}
    for row, (arm, measured) in enumerate(values.items(), 1):
        noise = noise_of_others(table, row)
        assert (noise < 0.03) == (arm == "new")
        differences = [x - b for x, b in zip(measured, base, strict=True)]
        answer, used = anytime.first_answer(differences, 0.1, 0.05, 0.10, noise)
        assert (result.parts[row - 1].answer, result.parts[row - 1].n) == (
            {"continue": "inconclusive"}.get(answer, answer),
            used,
        )


def test_an_arm_that_shows_more_noise_than_the_rest_borrows_less_of_theirs() -> None:
    """Six arms, pooled: the noisy one is judged with a prior worth 4, the others with one worth 10."""
    names = ("new", "third", "a", "b", "c", "d")
    rule = {**BETTER, "each_of": list(names)}
    del rule["arm"]
    values, evidence = several({name: 0.5 if name == "new" else 0.05 for name in names})
    base = [run.metrics["acc"] for _, run in sorted(evidence.runs["base"].items())]
    table = [base[:3], *(measured[:3] for measured in values.values())]
    assert [pooled_prior(table, arm).df for arm in range(1, 7)] == [4, 10, 10, 10, 10, 10]
    for part, (row, measured) in zip(
        judged(rule, evidence).parts, enumerate(values.values(), 1), strict=True
    ):
        differences = [x - b for x, b in zip(measured, base, strict=True)]
        answer, used = first_answer(differences, 0.1, 0.05, 0.10, pooled_prior(table, row))
        assert (part.outcome, part.n) == (
            {"supported": "met", "refuted": "not_met", "continue": "undecided"}[answer],
            used,
        )
