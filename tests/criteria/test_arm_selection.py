"""The best of several arms: chosen on its first seeds, judged on the ones after."""

from typing import Any

import pytest

from planner.criteria.arm_selection import seeds_to_confirm
from planner.criteria.judge import judge_criteria
from planner.criteria.test_design import TestDesign
from planner.language.criterion import Comparison
from planner.records.verdict import CriterionResult
from tests.support.builders import PHASE, make_evidence, make_program

ARMS = ["new", "third"]


def result_of(
    values: dict[str, list[float]], treatment: str | None = None, planned: int = 3, **bound: Any
) -> CriterionResult:
    """The result of ``best`` where so many seeds are planned as are made at first."""
    rule = {"metric": "acc", "any_arm": ARMS, "versus": "base", **(bound or {"better_by": 0.1})}
    rule |= {"treatment": treatment} if treatment else {}
    program = make_program({"best": rule}, gate=["best"])
    evidence = make_evidence({arm: [{"acc": v} for v in vs] for arm, vs in values.items()})
    best = frozenset(["best"])
    design = TestDesign(seeds=3, most_seeds=planned, required=best, gating=best)
    return judge_criteria(program, PHASE, evidence, design, {}, with_flip_points=True)["best"]


def flat(value: float, n: int = 6) -> list[float]:
    """Values around one, never all the same, and neither are the differences between two arms."""
    return [value * (1 + 0.001 * (i % 3)) for i in range(n)]


def test_on_the_seeds_that_chose_it_a_winner_is_met_with_a_caveat() -> None:
    result = result_of({"base": flat(0.5, 3), "new": flat(0.9, 3), "third": flat(0.5, 3)})
    assert (result.outcome, result.chosen, result.chosen_on, result.fresh) == ("met", "new", 3, 0)
    assert result.caveats == ("new was chosen as the best of 2 on 3 seeds: not confirmed on fresh seeds",)


def test_the_value_of_a_winner_comes_from_its_fresh_seeds_alone() -> None:
    lucky = [*flat(1.5, 3), *flat(0.8, 3)]
    result = result_of({"base": flat(0.5), "new": lucky, "third": flat(0.5)})
    assert (result.outcome, result.chosen, result.fresh) == ("met", "new", 3)
    assert result.observed is not None
    assert abs(result.observed - 0.3) < 0.01
    assert result.caveats == ()


def test_a_winner_that_fresh_seeds_do_not_bear_out_leaves_its_place_to_the_next_best() -> None:
    lucky = [*flat(1.5, 3), *flat(0.5, 3)]
    result = result_of({"base": flat(0.5), "new": lucky, "third": flat(0.9)})
    assert (result.outcome, result.chosen, result.fresh) == ("met", "third", 3)


def test_where_no_winner_is_borne_out_the_bound_is_not_met() -> None:
    lucky = [*flat(1.5, 3), *flat(0.5, 3)]
    result = result_of({"base": flat(0.5), "new": lucky, "third": flat(0.5)})
    assert result.outcome != "met"


@pytest.mark.parametrize("bound", [{"above": 0.1}, {"better_by": 0.1}])
def test_an_arm_is_chosen_on_the_first_seeds_at_which_its_bound_holds(bound: dict[str, float]) -> None:
    """Of six planned seeds, three can show nothing to one of two arms, and four can."""
    values = {"base": flat(0.5, 7), "new": flat(0.9, 7), "third": flat(0.5, 7)}
    result = result_of(values, planned=6, **bound)
    assert (result.outcome, result.treatment, result.chosen_on, result.fresh) == ("met", "bounds", 4, 3)
    three = result_of({arm: measured[:3] for arm, measured in values.items()}, planned=6, **bound)
    assert (three.outcome, three.chosen) == ("undecided", None)


def test_a_winner_keeps_the_look_that_showed_it_when_fresh_seeds_bear_it_out() -> None:
    result = result_of({"base": flat(0.5), "new": flat(0.9), "third": flat(0.5)})
    look = result.parts[0].look
    assert look is not None
    assert (look.stage, look.planned, result.fresh) == ("final", 3, 3)
    assert look.lower is not None and look.lower > 0.0


@pytest.mark.parametrize(("after", "outcome"), [(0.56, "met"), (0.54, "undecided")])
def test_fresh_seeds_bear_a_winner_out_where_they_are_nearer_to_the_effect_than_to_none(
    after: float, outcome: str
) -> None:
    values = {"base": flat(0.5), "new": [*flat(0.7, 3), *flat(after, 3)], "third": flat(0.5)}
    result = result_of(values)
    assert (result.parts[0].outcome, result.chosen, result.fresh) == (outcome, "new", 3)


def test_a_point_estimate_chooses_nothing() -> None:
    result = result_of({"base": flat(0.5), "new": flat(0.9), "third": flat(0.5)}, "point")
    assert (result.outcome, result.chosen, result.fresh) == ("met", None, 0)


def test_one_arm_alone_is_no_choice() -> None:
    program_rule = {"metric": "acc", "any_arm": ["new"], "versus": "base", "better_by": 0.1}
    program = make_program({"best": program_rule}, gate=["best"])
    evidence = make_evidence({a: [{"acc": v} for v in flat(x)] for a, x in (("base", 0.5), ("new", 0.9))})
    design = TestDesign(seeds=3, most_seeds=6, required=frozenset(["best"]))
    assert judge_criteria(program, PHASE, evidence, design, {}, with_flip_points=True)["best"].chosen is None


def test_only_a_winner_that_is_not_confirmed_yet_asks_for_seeds_and_so_does_its_baseline() -> None:
    rule = Comparison(metric="acc", any_arm=ARMS, versus="base", better_by=0.1)
    chosen = result_of({"base": flat(0.5, 3), "new": flat(0.9, 3), "third": flat(0.5, 3)})
    assert seeds_to_confirm(rule, chosen) == {"new": 6, "base": 6}
    confirmed = result_of({"base": flat(0.5), "new": flat(0.9), "third": flat(0.5)})
    assert seeds_to_confirm(rule, confirmed) == {}
