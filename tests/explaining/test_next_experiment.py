"""The cheapest next experiment that could flip a verdict."""

from __future__ import annotations

from planner.explaining.in_json import as_json
from planner.explaining.in_text import as_text
from planner.explaining.next_experiment import next_experiments
from tests.support.builders import make_evidence, verdict_of
from tests.support.explaining import AFTER, CRITERIA, explained, program_of, trace_on, verdict_on


def test_an_undecided_criterion_wants_the_seeds_at_which_it_would_be_decided() -> None:
    program = program_of(budget={"seeds_per_arm": 32})
    trace = trace_on(program, verdict_on(program, 0.9, 0.48, final=False))
    candidates = next_experiments(trace)
    (seeds,) = [e for e in candidates.experiments if e.kind == "seeds"]
    assert (seeds.criterion, seeds.arms, seeds.to_seeds, seeds.runs) == ("low", ("base",), 13, 10)
    assert candidates.reason == ""


def test_a_criterion_that_changes_nothing_alone_is_worth_no_seeds() -> None:
    aside = {**CRITERIA, "aside": {"metric": "acc", "arm": "base", "above": 0.9}}
    trace = explained(0.9, 0.1, criteria=aside)
    assert trace.verdict.criterion("aside").outcome == "undecided"
    assert all(e.criterion != "aside" for e in next_experiments(trace).experiments)


def test_a_value_that_was_judged_at_too_few_seeds_wants_those_of_its_treatment() -> None:
    program = program_of()
    trace = trace_on(program, verdict_on(program, 0.9, 0.1, seeds=1))
    seeds = [e for e in next_experiments(trace).experiments if e.kind == "seeds"]
    assert {(e.criterion, e.to_seeds, e.runs) for e in seeds} == {("high", 3, 2), ("low", 3, 2)}


def test_where_more_seeds_are_needed_than_are_allowed_it_says_so() -> None:
    program = program_of(budget={"seeds_per_arm": 4})
    trace = trace_on(program, verdict_on(program, 0.9, 0.49))
    candidates = next_experiments(trace)
    assert all(e.kind != "seeds" for e in candidates.experiments)
    assert "low would need about" in candidates.reason
    assert candidates.reason.endswith("and 4 are allowed")


def test_a_criterion_that_is_answered_before_its_last_seed_asks_for_no_more() -> None:
    better = {"low": {"metric": "acc", "arm": "base", "versus_metric": "loss", "better_by": 0.1}}
    trace = explained(0.9, 0.1, criteria=better, gate=["low"], cases={}, next={})
    answered = trace.verdict.criterion("low")
    assert (answered.outcome, answered.n < trace.program.budget.seeds_per_arm) == ("met", True)
    candidates = next_experiments(trace)
    assert [e.kind for e in candidates.experiments] == ["fidelity"]
    assert candidates.reason


def test_values_that_do_not_vary_ask_for_no_seeds_and_say_so() -> None:
    program = program_of()
    held = [{"acc": 0.9, "loss": 0.1}] * 3
    trace = trace_on(program, verdict_of(program, make_evidence({"base": held}), final=False))
    candidates = next_experiments(trace)
    assert all(e.kind != "seeds" for e in candidates.experiments)
    assert candidates.reason.startswith("what high, low read does not vary over seeds")


def test_an_option_with_the_same_gate_and_a_phase_that_supersedes_are_candidates_with_their_cost() -> None:
    program = program_of(next={"A": "second", "C": "stop"})
    raw = program.model_dump(by_alias=True, exclude_unset=True)
    raw["phases"]["third"] = {**raw["phases"]["look"], "cases": {}, "triage": None, "next": {}}
    raw["phases"]["again"] = {**AFTER, "supersedes": {"phase": "look"}}
    changed = type(program).model_validate(raw)
    trace = trace_on(changed, verdict_on(changed, 0.9, 0.8))
    by_kind = {e.kind: e for e in next_experiments(trace).experiments}
    assert (by_kind["option"].phase, by_kind["option"].seconds) == ("third", 7200.0)
    assert by_kind["supersedes"].what == "'again', which supersedes this"
    assert by_kind["fidelity"].what == "the same at fidelity full"


def test_the_cheapest_is_in_the_text_and_the_others_with_full() -> None:
    program = program_of(budget={"seeds_per_arm": 32})
    trace = trace_on(program, verdict_on(program, 0.9, 0.48))
    short, full = as_text(trace), as_text(trace, full=True)
    line = next(line for line in short.splitlines() if line.startswith("cheapest that could flip"))
    assert line in full
    assert len(full.split("\n  or: ")) == len(next_experiments(trace).experiments)
    cheapest = as_json(trace)["cheapest_flip"]
    assert cheapest["experiment"]["what"] in line
