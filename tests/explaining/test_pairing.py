"""The correlation of two compared arms over the seeds that both have."""

from __future__ import annotations

import math

import numpy as np
import pytest

from planner.explaining.pairing import pair_correlation
from planner.judging.verdict import build_test_design, judge_phase
from planner.records.verdict import Verdict
from tests.support.builders import PHASE, make_evidence, make_program

BASE = [0.3, 0.5, 0.2, 0.9, 0.4]
NEW = [0.5, 0.6, 0.3, 1.4, 0.2]
BETTER = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}


def judged(new: list[float], **criterion: object) -> tuple[Verdict, float | None]:
    program = make_program({"c": {**BETTER, **criterion}}, arms={a: {"kind": a} for a in ("base", "new")})
    evidence = make_evidence({"base": BASE, "new": new})
    verdict = judge_phase(program, PHASE, evidence, build_test_design(program, PHASE, "standard", final=True))
    return verdict, pair_correlation(program, verdict, verdict.criteria[0])


@pytest.mark.parametrize("pair", ["always", "never"])
def test_it_is_that_of_the_values_seed_by_seed_whether_they_are_judged_so_or_not(pair: str) -> None:
    _, value = judged(NEW, pair=pair)
    assert value == pytest.approx(np.corrcoef(BASE, NEW)[0, 1])


def test_below_three_common_seeds_and_without_variation_there_is_none() -> None:
    assert judged(NEW[:2])[1] is None
    assert judged([0.5] * 5)[1] is None


def test_a_criterion_on_one_arm_has_none() -> None:
    program = make_program({"c": {"metric": "acc", "arm": "base", "at_least": 0.1}})
    evidence = make_evidence({"base": BASE})
    verdict = judge_phase(program, PHASE, evidence, build_test_design(program, PHASE, "standard", final=True))
    assert pair_correlation(program, verdict, verdict.criteria[0]) is None


def test_values_that_go_together_exactly_have_correlation_1() -> None:
    _, value = judged([2 * x for x in BASE])
    assert value is not None
    assert math.isclose(value, 1.0)
