"""Rules that did not fire: the first condition that failed, and by how much."""

from __future__ import annotations

import pytest

from planner.explaining.in_json import as_json
from planner.explaining.in_text import as_text
from planner.explaining.trace import Trace
from planner.explaining.unfired_rules import RuleTrace, rule_traces
from tests.support.explaining import explained, program_of, trace_on, verdict_on


def traces_by_rule(trace: Trace) -> dict[str, RuleTrace]:
    return {one.rule.removeprefix("look."): one for one in rule_traces(trace)}


def test_every_row_next_and_option_is_listed_with_whether_it_fired() -> None:
    rules = traces_by_rule(explained(0.9, 0.1))
    assert list(rules) == [
        "gate",
        "cases.A",
        "cases.B",
        "cases.C",
        "next.A",
        "next.B",
        "next.C",
        "triage.wait_for_low",
        "triage.retry",
    ]
    assert [name for name, one in rules.items() if one.fired] == ["gate", "cases.A", "next.A"]
    assert all(one.reason for one in rules.values() if not one.fired)


def test_the_first_condition_that_failed_is_a_single_criterion_with_its_distance() -> None:
    failed = traces_by_rule(explained(0.9, 0.8))["cases.A"].failed
    assert failed is not None
    assert (failed.criterion, failed.of, failed.wanted, failed.outcome) == ("low", "both", "met", "not_met")
    assert failed.distance == pytest.approx(failed.observed - failed.flips_at)
    assert failed.flips_at < failed.threshold < failed.observed
    assert len(failed.run_ids) == 3


def test_an_undecided_condition_tells_how_far_its_interval_is_from_deciding() -> None:
    failed = traces_by_rule(explained(0.9, 0.49))["gate"].failed
    assert failed is not None
    assert failed.outcome == "undecided"
    low = explained(0.9, 0.49).verdict.criterion("low")
    assert failed.distance == pytest.approx(low.interval[1] - 0.5)


def test_a_row_with_no_failed_condition_says_what_else_kept_it() -> None:
    rules = traces_by_rule(explained(0.9, 0.1))
    assert rules["cases.C"].failed is None
    assert rules["cases.C"].reason == "holds only where no other does"
    assert rules["triage.retry"].reason == "triage is not asked for by this verdict"


def test_an_option_that_waits_tells_its_condition() -> None:
    rules = traces_by_rule(explained(0.9, 0.8))
    waiting = rules["triage.wait_for_low"]
    assert rules["triage.retry"].fired
    assert (waiting.fired, waiting.failed.criterion) == (False, "low")
    assert waiting.reason.startswith("deferred until low")


def test_nothing_is_concluded_from_invalid_evidence() -> None:
    program = program_of()
    verdict = verdict_on(program, float("nan"), 0.1)
    rules = traces_by_rule(trace_on(program, verdict))
    assert not any(one.fired for one in rules.values())
    assert rules["cases.B"].reason == "nothing is concluded from evidence that is invalid"


def test_the_short_text_has_the_rules_that_were_near_and_full_has_all() -> None:
    trace = explained(0.9, 0.8)
    short, full = as_text(trace), as_text(trace, full=True)
    assert "rules that were near" in short
    assert "  gate, cases.A, next.A: low is not met, asked met: 0." in short
    assert "cases.C: holds only where no other does" not in short
    assert "cases.C: holds only where no other does" in full
    assert [r["rule"] for r in as_json(trace)["rules"]] == [one.rule for one in rule_traces(trace)]
