"""Why something was not chosen, and the smallest change that would have chosen it: said, then done."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import UsageError
from planner.explaining.trace import Trace
from planner.explaining.why_not import why_not, why_not_lines
from planner.lineage.staleness import Validity
from tests.support.explaining import AFTER, explained, program_of, trace_on, verdict_on
from tests.support.flip_worlds import distance, make_world, side
from tests.support.rotation import a_fifth_of


def test_a_name_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match=r"'sideways'.*retry.*second.*inconclusive"):
        why_not(explained(0.9, 0.1), "sideways")


@pytest.mark.parametrize("name", ["pass", "A", "second"])
def test_what_was_chosen_is_said_to_have_been(name: str) -> None:
    assert why_not(explained(0.9, 0.1), name).chosen


@pytest.mark.parametrize(
    ("name", "criterion", "then"),
    [
        ("retry", "low", "take option retry"),
        ("third", "low", "take option retry"),
        ("stop", "high", "stop"),
        ("C", "high", "stop"),
        ("fail", "high", "stop"),
    ],
)
def test_the_smallest_change_that_would_choose_it_is_named(name: str, criterion: str, then: str) -> None:
    answer = why_not(explained(0.9, 0.1), name)
    assert answer.smallest is not None
    assert (answer.smallest.criterion, answer.smallest.decision) == (criterion, then)
    lines = why_not_lines(answer)
    assert lines[0].startswith(f"why not {name} after look: ")
    assert lines[-1].startswith(f"  smallest change: {criterion} from ")


def test_where_two_values_would_have_to_move_no_single_one_is_named() -> None:
    answer = why_not(explained(0.1, 0.9), "A")
    assert answer.smallest is None
    assert answer.failed is not None
    assert why_not_lines(answer)[-1] == "  no single value would have chosen it"


def test_an_option_that_waits_tells_for_what() -> None:
    answer = why_not(explained(0.9, 0.8), "wait_for_low")
    assert "deferred until low" in " ".join(answer.chain)


def test_what_only_an_unjudged_phase_leads_to_says_so() -> None:
    program = program_of()
    more = program.model_dump(by_alias=True, exclude_unset=True)
    more["phases"]["second"]["next"] = {"pass": "last"}
    more["phases"]["last"] = {**AFTER, "question": "At last?"}
    changed = type(program).model_validate(more)
    answer = why_not(trace_on(changed, verdict_on(changed, 0.9, 0.1)), "last")
    assert answer.reason == "only 'second' could lead to it, and is not judged"


def test_an_option_of_an_earlier_decision_is_answered_from_there() -> None:
    here = explained(0.9, 0.1)
    later = dataclasses.replace(here, phase="second", verdict=None, decision=None)
    later = dataclasses.replace(later, decisions={"look": here.decision})
    answer = why_not(later, "retry")
    assert (answer.phase, answer.smallest.criterion) == ("look", "low")


@settings(max_examples=a_fifth_of(150), deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10**9).map(make_world), st.sampled_from(["second", "third", "stop", "pass", "fail"]))
def test_the_smallest_change_chooses_it_and_none_that_is_stated_is_smaller(world, name: str) -> None:
    verdict = world.judged()
    decision = world.decision_context.decide(verdict)
    trace = Trace(world.program, "look", verdict, decision, (), (), Validity(), verdicts={"look": verdict})
    answer = why_not(trace, name)
    if answer.smallest is None:
        return
    small = answer.smallest
    flip_point = next(
        t for t in verdict.turnings if (t.id, t.flips_at, t.arm) == (small.criterion, small.beyond, small.arm)
    )
    if side(flip_point):
        to = flip_point.flips_at + distance(flip_point) * side(flip_point)
        moved = world.judged(world.moved(verdict, flip_point, to))
        assert name in (moved.outcome, *world.decided(moved))
