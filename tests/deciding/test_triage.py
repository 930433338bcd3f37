"""From a verdict to a decision: ``next``, triage options, and a person's word beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.criteria.wording import requirement_text
from planner.deciding.situation import Plan
from planner.deciding.triage import choices
from planner.language.program import ENDS, Program, build
from planner.records.decision import Decision, Due
from planner.records.person import Override
from planner.records.runs import Run
from planner.text.numbers import number
from tests.support.rotation import a_fifth_of, in_turn
from tests.support.stories import story
from tests.support.worlds import World, credit_linesearch, override, own_run, runs_of, scores, small, stand

LOW = scores()


def option(name: str, opens: str = "second", **more: Any) -> dict[str, Any]:
    return {"option": name, "rationale": f"why {name}", "opens": opens, **more}


def program_with(*options: Mapping[str, Any], **triage: Any) -> Program:
    return small(triage={"options": [dict(o) for o in options], **triage})


def raw_of(program: Program) -> dict[str, Any]:
    return program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def first_runs(program: Program) -> list[Run]:
    return runs_of(program, "first", LOW)


def after(program: Program, *words: Override, runs: list[Run] | None = None) -> Decision:
    position: Plan = stand(program, first_runs(program) if runs is None else runs, overrides=words)
    return next(s.decision for s in position.steps if s.decision.phase == "first")


# --- the rules -----------------------------------------------------------------------------------


def test_options_are_taken_in_the_authors_order() -> None:
    decision = after(program_with(option("a", cost_hours=9), option("b", "third")))
    assert (decision.action, decision.choice, decision.target) == ("take_option", "a", "second")
    assert str(decision.rule) == "first.triage.a"
    assert [(r.choice, r.reason) for r in decision.rejected] == [
        ("b", "comes after 'a' in the order of the options")
    ]


def test_the_cheapest_policy_takes_the_option_with_the_lowest_cost() -> None:
    program = program_with(
        option("a", cost_hours=9), option("b", "third", cost_hours=[1, 40]), policy="cheapest"
    )
    assert after(program).choice == "b"


@pytest.mark.parametrize("policy", ["listed", "cheapest"])
def test_a_discouraged_option_comes_last_under_either_policy(policy: str) -> None:
    program = program_with(
        option("a", discouraged="it gives up"), option("b", "third", cost_hours=5), policy=policy
    )
    decision = after(program)
    assert decision.choice == "b"
    assert decision.rejected[0].reason == "discouraged: it gives up"


def test_an_option_is_deferred_until_its_conditions_are_met() -> None:
    low = {"metric": "score", "arm": "new", "below": 0.5}
    high = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.5}
    options = [option("later", revisit_when=["higher"]), option("now", "third", revisit_when=["is_low"])]
    program = small(criteria={"higher": high, "is_low": low}, gate=["higher"], triage={"options": options})
    step = stand(program, first_runs(program)).steps[0]
    decision, seen = step.decision, step.verdict.criteria[0].observed
    assert decision.choice == "now"
    assert [(r.choice, r.reason, r.flips_if) for r in decision.rejected] == [
        (
            "later",
            f"deferred until higher (new against base: score, better by 0.5; observed {number(seen)})",
            "would be taken if higher were met: new against base: score, better by 0.5",
        )
    ]


def test_an_option_that_waits_for_a_phase_that_nobody_judged_says_so() -> None:
    program = program_with(option("later", revisit_when=["third.higher"]), option("now", "third"))
    (rejected,) = after(program).rejected
    requirement = "last against base: score, better by 0.5"
    assert rejected.reason == f"deferred until third.higher ({requirement}; not judged yet)"
    assert rejected.flips_if == f"would be taken if third.higher were met: {requirement}"


def test_where_a_program_ends_a_deferred_option_that_is_due_is_named() -> None:
    options = [option("now", "third"), option("later", revisit_when=["third.higher"])]
    program = program_with(*options)
    runs = [*first_runs(program), *runs_of(program, "third", scores(last=2.0), 6)]
    raw = program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["third"]["next"] = {"pass": "stop"}
    decision = stand(build(raw), runs).steps[-1].decision
    due = (Due(holder="first", option="later"),)
    assert (decision.phase, decision.action, decision.due) == ("third", "stop", due)
    assert "'later' was deferred and is due: third.higher (last against base: score" in decision.reason
    low = [*first_runs(program), *runs_of(program, "third", LOW)]
    assert stand(build(raw), low).steps[-1].decision.due == ()


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"arm": "new", "at_least": 1}, "new: score, at least 1"),
        (
            {"each_of": ["new", "base"], "above": 0.2, "at": 3},
            "each of new, base: score at step 3, above 0.2",
        ),
        ({"any_arm": ["new", "base"], "between": [0, 1]}, "any of new, base: score, between 0 and 1"),
        (
            {"arm": "new", "versus": "base", "as": "ratio", "within": 0.1},
            "new / base: score, within ±0.1",
        ),
        ({"best_first": ["new", "base"]}, "new > base: score, every pair in order"),
        ({"spread_of": ["new", "base"], "at_most": 0.1}, "among new, base: score, at most 0.1"),
        (
            {"arm": "new", "over_seeds": "sd", "at_most": 0.1},
            "sd over seeds of new: score, at most 0.1",
        ),
    ],
)
def test_what_a_condition_asks_is_told_with_metric_and_bound(rule: dict[str, Any], text: str) -> None:
    program = small(criteria={"c": {"metric": "score", **rule}}, gate=["c"])
    assert requirement_text(program.phases["first"].criteria["c"]) == text


def test_an_option_that_is_tried_once_names_the_one_that_comes_after_it() -> None:
    program = program_with(option("a"), option("b", "third"))
    assert after(program).reason.endswith("why a (one try; should it fail, 'b' is next)")
    assert after(program_with(option("a"))).reason.endswith("(one try; should it fail, no option is left)")
    assert "one try" not in after(program_with(option("a", tries=2))).reason


@pytest.mark.parametrize(
    ("second", "promised"),
    [
        ({"next": {"fail": "back"}}, True),
        ({"next": {"fail": "stop"}}, False),
        ({"next": {"fail": "third"}}, False),
        ({"cases": {"down": {"means": "down", "unless": ["higher"]}}, "next": {"down": "stop"}}, False),
        ({"cases": {"up": {"means": "up", "when": ["higher"]}}, "next": {"up": "stop"}}, True),
    ],
)
def test_what_comes_after_a_try_is_promised_only_where_failing_leads_back(
    second: dict[str, Any], promised: bool
) -> None:
    raw = raw_of(program_with(option("a"), option("b", "third")))
    raw["phases"]["second"].update(second)
    program = build(raw)
    assert ("'b' is next" in after(program).reason) == promised
    assert "(one try" in after(program).reason
    runs = [r for phase in ("first", "second") for r in runs_of(program, phase, LOW)]
    assert (stand(program, runs).steps[1].decision.choice == "b") == promised


def test_what_opens_the_phase_that_failed_is_not_promised_and_what_waits_may_come_first() -> None:
    same = program_with(option("a"), option("b"), option("c", "third"))
    assert after(same).reason.endswith("should it fail, 'c' is next)")
    waits = program_with(option("later", "third", revisit_when=["second.higher"]), option("a"))
    assert after(waits).reason.endswith("should it fail, no option is left unless 'later' is due by then)")


def test_the_diagnosis_is_judged_before_an_option_is_chosen() -> None:
    discouraged = option("b", "third", discouraged="it gives up")
    later = option("c", "third", revisit_when=["higher"])
    program = program_with(option("a", "third"), discouraged, later, diagnose="second")
    decision = after(program)
    assert (decision.action, decision.target) == ("run_diagnostic", "second")
    reasons = {r.choice: r.reason for r in decision.rejected}
    assert reasons["a"] == "'second' is judged before an option is chosen"
    assert reasons["b"] == "discouraged: it gives up"
    assert reasons["c"].startswith("deferred until higher")
    runs = first_runs(program) + runs_of(program, "second", LOW)
    position = stand(program, runs)
    assert [s.decision.action for s in position.steps] == ["run_diagnostic", "take_option"]
    assert str(position.steps[1].decision.rule) == "first.triage.a"


def test_an_option_that_failed_leads_back_to_the_next_one_and_at_last_to_the_end() -> None:
    program = program_with(option("a"), option("b", "third"))
    runs = [r for phase in ("first", "second", "third") for r in runs_of(program, phase, LOW)]
    position = stand(program, runs)
    assert [s.decision.choice for s in position.steps] == ["a", "b", None]
    assert position.state == "done"
    assert [r.reason for r in position.steps[1].decision.rejected] == ["tried already: fail"]
    assert {r.reason for r in position.steps[2].decision.rejected} == {"tried already: fail"}


def test_an_option_whose_phase_is_judged_already_brings_nothing_new() -> None:
    program = program_with(option("a", tries=3), option("b"), option("c", "third"))
    runs = [r for phase in ("first", "second") for r in runs_of(program, phase, LOW)]
    decision = stand(program, runs).steps[1].decision
    assert decision.choice == "c"
    assert decision.rejected[0].reason == "its phase 'second' is judged already: fail"


@pytest.mark.parametrize("needs", ["to_approve", "to_act"])
def test_an_option_that_needs_a_person_waits(needs: str) -> None:
    program = program_with(option("a", needs_person=needs), option("b", "third"))
    position = stand(program, first_runs(program))
    decision = position.steps[0].decision
    assert (position.state, decision.action, decision.choice, decision.needs_person) == (
        "waiting",
        "wait",
        "a",
        needs,
    )


def blocked_program() -> Program:
    waits = {"options": [option("mend", "second", needs_person="to_act"), option("other", "third")]}
    return small(guards={"complete": "blocked"}, next={"blocked": "triage"}, triage=waits)


def blocked_runs(program: Program) -> list[Run]:
    failed = [own_run(program, "first", "new", s, "timeout", attempt=n) for s in range(3) for n in (1, 2)]
    return [*failed, *(own_run(program, "first", "base", s, {"score": 0.0}) for s in range(3))]


def test_a_blocked_phase_waits_for_a_person_and_goes_on_when_it_is_done() -> None:
    program = blocked_program()
    position = stand(program, blocked_runs(program))
    assert position.state == "blocked"
    chosen = override(program, "first", done="mend", reason="new disk")
    position = stand(program, blocked_runs(program), overrides=[chosen])
    decision = position.steps[0].decision
    assert (decision.action, decision.choice, decision.override_ids) == ("take_option", "mend", (chosen.id,))
    assert "has done what 'mend' asks for (new disk)" in decision.reason
    assert position.phase == "second"


def test_an_invalid_verdict_follows_no_case() -> None:
    cases = {"up": {"means": "up", "when": ["higher"]}, "down": {"means": "down", "unless": ["higher"]}}
    program = small(cases=cases, next={"up": "second", "down": "second", "invalid": "wait"})
    runs = runs_of(program, "first", scores(new=float("nan")))
    position = stand(program, runs)
    assert position.steps[0].verdict.outcome == "invalid"
    assert (position.state, str(position.steps[0].decision.rule)) == ("waiting", "first.next.invalid")


# --- a person's word -----------------------------------------------------------------------------


def test_an_override_is_followed_and_the_recommendation_stays_visible() -> None:
    program = program_with(option("a"), option("b", "third"))
    chosen = override(program, "first", choose="b", reason="a hunch")
    decision = after(program, chosen)
    assert (decision.action, decision.choice, decision.target) == ("take_option", "b", "third")
    assert (decision.recommended, decision.override_ids) == ("a", (chosen.id,))
    assert decision.reason == "ada chose 'b' (a hunch)"
    assert decision.rejected[0].choice == "a"
    assert decision.rejected[0].reason.startswith("recommended by the rules, overridden: first: fail")


def test_an_override_is_followed_once_and_the_walk_goes_on_from_there() -> None:
    program = program_with(option("a"), option("b", "third"))
    chosen = override(program, "first", choose="b")
    runs = [r for phase in ("first", "third") for r in runs_of(program, phase, LOW)]
    position = stand(program, runs, overrides=[chosen])
    assert [s.decision.choice for s in position.steps] == ["b", "a"]
    assert (position.phase, position.state) == ("second", "ready")


def test_the_newest_override_wins() -> None:
    program = program_with(option("a"), option("b", "third"))
    older = override(program, "first", choose="b")
    newer = override(program, "first", choose="stop", at="2026-01-03T00:00:00+00:00")
    assert after(program, older, newer).action == "stop"


def test_choosing_what_is_recommended_contradicts_nothing() -> None:
    program = program_with(option("a", needs_person="to_approve"), option("b", "third"))
    chosen = override(program, "first", choose="a")
    decision = after(program, chosen)
    assert (decision.action, decision.recommended, decision.override_ids) == (
        "take_option",
        None,
        (chosen.id,),
    )
    assert "a" not in [r.choice for r in decision.rejected]


def test_choosing_an_option_that_asks_a_person_to_act_still_waits_for_the_act() -> None:
    program = program_with(option("a"), option("b", "third", needs_person="to_act"))
    chosen = override(program, "first", choose="b")
    assert (after(program, chosen).action, after(program, chosen).needs_person) == ("wait", "to_act")
    done = override(program, "first", done="b", at="2026-01-03T00:00:00+00:00")
    decision = after(program, chosen, done)
    assert (decision.action, decision.recommended) == ("take_option", "a")
    assert decision.override_ids == (chosen.id, done.id)
    assert "chose 'b'" in decision.reason
    assert "has done what 'b' asks for" in decision.reason


def test_an_accepted_verdict_counts_as_confirmed_and_a_rejected_one_concludes_nothing() -> None:
    cases = {"up": {"means": "up", "when": ["higher"]}, "down": {"means": "the end", "unless": ["higher"]}}
    program = small(cases=cases, next={"up": "stop", "down": "stop", "inconclusive": "second"})
    assert after(program).action == "stop"
    decision = after(program, override(program, "first", verdict="reject", reason="a bug"))
    assert (decision.action, decision.target, decision.recommended) == ("run_phase", "second", "stop")
    assert decision.reason.startswith("ada rejects the verdict (a bug)")
    assert "the end" not in decision.reason


def test_an_override_of_something_no_longer_offered_is_passed_over() -> None:
    program = program_with(option("a"), option("b", "third"))
    assert after(program, override(program, "first", choose="gone")) == after(program)


CREDIT = credit_linesearch()
WALK = ("phase_6a", "samebatch", "snapshot_age", "regularized", "spread_over_batches", "last_block")
ALL = [run for phase in WALK for run in runs_of(CREDIT, phase, story(), 6)]


@pytest.mark.parametrize("phase", in_turn(WALK, shares=3))
def test_every_alternative_of_a_decision_can_be_chosen_and_is_then_followed(phase: str) -> None:
    step = next(s for s in stand(CREDIT, ALL).steps if s.verdict.phase == phase)
    offered = choices(CREDIT, phase)
    for rejected in step.decision.rejected:
        assert rejected.choice in offered
        chosen = override(CREDIT, phase, choose=rejected.choice)
        position = stand(CREDIT, ALL, overrides=[chosen])
        decision = next(s.decision for s in position.steps if s.verdict.phase == phase)
        assert (decision.choice, decision.override_ids) == (rejected.choice, (chosen.id,))
        assert decision.recommended == (step.decision.choice or step.decision.action)


@pytest.mark.parametrize("phase", in_turn(WALK, shares=3))
@pytest.mark.parametrize("extra", ["stop", None])
def test_whatever_is_offered_after_a_phase_can_be_chosen(phase: str, extra: str | None) -> None:
    for choice in choices(CREDIT, phase) if extra is None else [extra]:
        chosen = override(CREDIT, phase, choose=choice)
        decision = next(
            s.decision for s in stand(CREDIT, ALL, overrides=[chosen]).steps if s.verdict.phase == phase
        )
        assert decision.choice in (choice, None)
        assert decision.target in (*CREDIT.phases, None)
        assert choice not in ENDS or choice == "stop"


@settings(max_examples=a_fifth_of(40), deadline=None)
@given(
    words=st.lists(
        st.tuples(
            st.sampled_from(WALK),
            st.sampled_from(["choose", "verdict", "done"]),
            st.sampled_from([*WALK, "regularize", "stop", "accept", "reject", "nonsense"]),
        ),
        max_size=4,
    )
)
def test_any_overrides_leave_a_state_that_can_be_explained(words: list[tuple[str, str, str]]) -> None:
    chosen = [
        override(CREDIT, phase, **{kind: what}, at=f"2026-01-0{i + 1}")
        for i, (phase, kind, what) in enumerate(words)
        if kind != "verdict" or what in ("accept", "reject")
    ]
    position = stand(CREDIT, ALL, overrides=chosen)
    assert position.state in ("ready", "waiting", "blocked", "done")
    for step in position.steps:
        assert step.decision.reason
        assert step.decision.rule
        assert (step.decision.recommended is None) or step.decision.override_ids != ()


def test_a_program_with_two_openers_offers_the_options_of_both() -> None:
    raw = small().model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["second"]["triage"] = {"options": [option("c", "third")]}
    program = build(raw)
    assert set(choices(program, "third")) == {"turn", "repeat", "c", "stop"}


# --- names that read like rules -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pilot.triage", "pilot.triage.turn", "a.next.pass", "budget"])
def test_a_phase_may_have_a_name_that_reads_like_a_rule(name: str, tmp_path: Path) -> None:
    raw = raw_of(program_with(option("turn"), option("diagnose", "third")))
    raw["phases"] = {name: raw["phases"].pop("first"), **raw["phases"]}
    for phase in ("second", "third"):
        raw["phases"][phase]["same_as"] = name
    program = build(raw)
    world = World(tmp_path, program, LOW)
    done = world.advance()
    assert done.plan.state == "done"
    assert [(step.phase, step.action) for step in done.steps] == [
        (name, "take_option"),
        ("second", "take_option"),
        ("third", "stop"),
    ]
    held = [e.record for e in world.journal.entries(program.program) if isinstance(e.record, Decision)]
    rules = {decision.phase: decision.rule for decision in held if decision.verdict_id}
    assert {rule.phase for rule in rules.values()} == {name}
    assert [rule.key for rule in rules.values()] == ["turn", "diagnose", ""]
