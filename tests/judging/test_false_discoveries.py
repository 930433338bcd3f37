"""``budget: {claims_fdr}``: of all claims of a program, those that stand together."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.records.verdict import Verdict
from planner.statistics.bounds import log_evidence
from planner.statistics.e_process import log_e
from planner.statistics.moments import Moments
from tests.support.builders import PHASE, make_evidence, make_program

ARMS = {name: {"kind": name} for name in ("base", "good", "null", "weak")}
CLAIMED = ("good", "null", "weak")


def program_of(fdr: float | None = 0.05, more_claims: int = 0, **criterion: Any) -> Program:
    rule = {"metric": "acc", "versus": "base", "above": 0.0, **criterion}
    claims = {arm: {"says": f"{arm} helps.", "supported": [arm]} for arm in CLAIMED}
    others = {f"other{i}": {"says": "So?", "supported": ["look.good"]} for i in range(more_claims)}
    later = {"later": {"question": "And?", "arms": ["base"], "claims": others}} if others else {}
    return make_program(
        {arm: {"arm": arm, **rule} for arm in CLAIMED},
        ["good"],
        ARMS,
        budget={"seeds_per_arm": 10, **({"claims_fdr": fdr} if fdr else {})},
        more=later,
        claims=claims,
        next={"pass": "later" if later else "stop"},
    )


def verdict_of(program: Program, seeds: int = 10, **effects: float) -> Verdict:
    rng = Random(5)
    shared = [rng.gauss(0, 1) for _ in range(seeds)]
    effects = {"good": 5.0, "null": 0.0, "weak": 1.2, **effects, "base": 0.0}
    values = {arm: [0.5 + effect + c + rng.gauss(0, 0.5) for c in shared] for arm, effect in effects.items()}
    design = build_test_design(program, PHASE, "standard", final=False)
    return judge_phase(program, PHASE, make_evidence(values), design)


def statuses(verdict: Verdict) -> dict[str, str]:
    return {claim.id: claim.status for claim in verdict.claims}


def test_a_claim_that_speaks_clearly_stands_among_many_and_a_weak_one_does_not() -> None:
    alone, among = statuses(verdict_of(program_of(None))), statuses(verdict_of(program_of(0.01, 400)))
    assert (alone["good"], among["good"]) == ("supported", "supported")
    assert (alone["weak"], among["weak"]) == ("supported", "proposed")


def test_the_doubt_says_among_how_many_claims_and_what_speaks_for_it() -> None:
    verdict = verdict_of(program_of(0.01, 400))
    (weak,) = [claim for claim in verdict.claims if claim.id == "weak"]
    assert weak.log_e is not None
    assert weak.caveats[0].startswith("of 403 claims, at most 0.01 of those supported may be false: E = ")


def test_without_a_share_nothing_is_weighed_and_no_record_changes() -> None:
    verdict = verdict_of(program_of(None))
    assert all(claim.log_e is None for claim in verdict.claims)
    dumped = verdict.model_dump_json()
    assert "log_e" not in dumped and "claims_fdr" not in dumped


def test_what_is_weighed_is_the_e_value_of_the_engine_on_all_seeds() -> None:
    verdict = verdict_of(program_of())
    (good,) = [claim for claim in verdict.claims if claim.id == "good"]
    look = next(result.look for result in verdict.criteria if result.id == "good")
    assert look is not None and good.log_e == look.log_e


@pytest.mark.parametrize(("mean", "sd", "n"), [(1.0, 0.5, 5), (0.2, 1.0, 10)])
def test_e_of_a_mean_is_that_of_its_t_statistic(mean: float, sd: float, n: int) -> None:
    moments = Moments(n, mean, sd, n, n - 1)
    assert log_evidence(moments, 0.0) == pytest.approx(log_e(mean * math.sqrt(n) / sd, n, n - 1))
    assert log_evidence(moments, mean) < 0


@pytest.mark.parametrize("claim_of", [{"better_by": 0.5}, {"at_least": 1.0}, {"within": 20.0}])
def test_every_kind_of_bound_is_weighed(claim_of: dict[str, float]) -> None:
    verdict = verdict_of(program_of(0.05, above=None, **claim_of))
    assert statuses(verdict)["good"] == "supported"


def test_flags_are_weighed_by_their_bets() -> None:
    rule = {"metric": "ok", "arm": "base", "above": 0.3}
    program = make_program(
        {"c": rule},
        ["c"],
        {"base": {"kind": "base"}},
        budget={"seeds_per_arm": 12, "claims_fdr": 0.05},
        metrics={"ok": {"unit": "flag", "better": "higher"}},
        claims={"works": {"says": "It works.", "supported": ["c"]}},
    )
    design = build_test_design(program, PHASE, "standard", final=False)
    verdict = judge_phase(program, PHASE, make_evidence({"base": [1.0] * 12}, "ok"), design)
    assert statuses(verdict) == {"works": "supported"}
    assert verdict.claims[0].log_e is not None and verdict.claims[0].log_e > math.log(20)


def test_of_null_claims_few_are_called_supported() -> None:
    program = program_of(0.05)
    made = 0
    for repetition in range(60):
        rng = Random(repetition)
        values = {arm: [rng.gauss(0, 1) for _ in range(10)] for arm in ARMS}
        design = build_test_design(program, PHASE, "standard", final=False)
        verdict = judge_phase(program, PHASE, make_evidence(values), design)
        made += "supported" in statuses(verdict).values()
    assert made <= 9  # 3 are to be expected at most; more than 9 of 60 happen once in a thousand
