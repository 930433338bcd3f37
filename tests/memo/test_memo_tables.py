"""What a memo tells of arms, results and criteria, from runs: a reader can work it out again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.explaining.in_text import as_text
from planner.language.program import Program
from planner.memo.brief import answer_line
from planner.memo.render import render_memo
from planner.records.verdict import Verdict
from tests.support.builders import make_evidence, make_program, make_run, verdict_of
from tests.support.hand_made import decision, trace

LOOKED = 'Where *n* says "N of", a criterion was judged at its last look, on the first N seeds'
BETTER = {"metric": "acc", "arm": "new", "versus": "base", "at_least": 0.0}


def memo_of(program: Program, verdict: Verdict) -> str:
    return render_memo(trace(verdict, decision(verdict.phase), program=program))


def memo_on(criteria: dict[str, Any], runs: dict[str, Any], **program: Any) -> str:
    """The memo of a phase with these criteria on these runs."""
    made = make_program(criteria, **program)
    return memo_of(made, verdict_of(made, make_evidence(runs)))


def section(memo: str, heading: str) -> str:
    return memo.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def line(text: str, part: str) -> str:
    (matching,) = [row for row in text.splitlines() if part in row]
    return matching


def cells(text: str, part: str) -> list[str]:
    return [cell.strip() for cell in line(text, part).strip("|").split("|")]


# --- results ------------------------------------------------------------------------------------

values = st.lists(st.floats(0.5, 0.6), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(values, values, st.floats(-3, 0))
def test_the_printed_cells_give_the_printed_difference(
    one: list[float], other: list[float], power: float
) -> None:
    new = [a + 10**power + 1e-3 * (b - 0.5) for a, b in zip(one, other, strict=True)]
    memo = memo_on({"c": BETTER}, {"base": one, "new": new})
    results = section(memo, "Results")
    here, there = (float(cells(results, f"`{arm}`")[1].split()[0]) for arm in ("new", "base"))
    observed = float(cells(section(memo, "Criteria"), "`c`")[3].split()[0])
    assert here - there == pytest.approx(observed, rel=2e-3)


def test_what_a_criterion_reads_at_a_step_has_a_column_of_its_own_beside_the_final_value() -> None:
    runs = {
        arm: [make_run(arm, 0, metrics={"loss": last}, series={"loss": ((1, first), (9, last))})]
        for arm, first, last in (("base", 10.08, 10.1), ("new", 0.17, 0.05))
    }
    at_one = {"metric": "loss", "at": 1, "arm": "new", "versus": "base", "as": "ratio", "at_most": 0.05}
    fall = {"metric": "loss", "at": "min", "since": "first", "arm": "new", "below": 0}
    memo = memo_on({"c": at_one, "fall": fall}, runs, gate=["c"])
    key, rest = section(memo, "Results").split("Also measured:")
    assert cells(key, "| arm |") == ["arm", "loss at step 1 (nats)"]
    assert (cells(key, "`base`")[1], cells(key, "`new`")[1]) == ("10.08", "0.17")
    assert cells(rest, "| arm |") == ["arm", "loss (nats)", "loss, min, change since its first (nats)"]
    assert cells(rest, "`new`")[1:] == ["0.05", "-0.12"]
    assert "2 observed values agree" in memo
    assert "One run per arm, so no interval." in memo


def test_a_metric_that_no_criterion_uses_is_listed_unless_a_figure_draws_it_as_a_curve() -> None:
    series = {"part": ((1, 1.0), (2, 2.0)), "loss": ((1, 0.1), (2, 0.2))}
    runs = {"base": [make_run("base", 0, metrics={"acc": 0.9, "rest": 3.0}, series=series)]}
    plain = make_program({"c": {"metric": "acc", "arm": "base", "above": 0.5}})
    assert "| rest (nats) |" in memo_of(plain, verdict_of(plain, make_evidence(runs)))
    figure = {"curve": {"shows": ["loss"], "against": "part"}}
    drawn = type(plain).model_validate({**plain.model_dump(by_alias=True), "figures": figure})
    table = {row.metric for row in verdict_of(drawn, make_evidence(runs)).table}
    assert table == {"acc", "rest", "part_share"}


def test_many_columns_are_spread_over_tables_of_about_the_same_width() -> None:
    steps = range(1, 9)
    run = make_run("base", 0, metrics={"acc": 0.9}, series={"loss": tuple((s, 0.1 * s) for s in steps)})
    aside = {f"at_{s}": {"metric": "loss", "arm": "base", "at": s, "above": 0} for s in steps}
    gate = {"c": {"metric": "acc", "arm": "base", "above": 0.5}}
    text = section(memo_on(gate | aside, {"base": [run]}, gate=["c"]), "Results").split("Also measured:")[1]
    heads = [row.strip("|").split("|") for row in text.splitlines() if row.startswith("| arm |")]
    assert [len(head) - 1 for head in heads] == [5, 4]


def test_a_criterion_that_bounds_answer_rests_on_all_seeds_and_says_how_often_they_err() -> None:
    better = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}
    base = [0.5, 0.501, 0.502, 0.5, 0.501, 0.502]
    memo = memo_on({"c": better}, {"base": base, "new": [1.6 * x for x in base]})
    assert cells(section(memo, "Criteria"), "`c`")[6] == "6, bounds"
    assert "the lower one errs in 2.5%, the upper one in 10%" in section(memo, "Criteria")
    assert LOOKED not in memo


def test_a_deviation_between_looks_names_the_seeds_it_was_judged_on_and_is_not_called_settled() -> None:
    between = {"metric": "acc", "arm": "base", "over_seeds": "sd", "at_most": 0.5}
    program = make_program({"c": between})
    evidence = make_evidence({"base": [0.2, 0.5, 0.8, 0.9]})
    memo = memo_of(program, verdict_of(program, evidence, final=False))
    assert cells(section(memo, "Criteria"), "`c`")[1] == "undecided"
    assert cells(section(memo, "Criteria"), "`c`")[6] == "3 of 4, interval"
    assert LOOKED in memo and "settled" not in memo


# --- what ran -----------------------------------------------------------------------------------


def ran(params: dict[str, list[dict[str, str]]], **program: Any) -> str:
    runs = {
        arm: [make_run(arm, seed, metrics={"acc": 0.9}, params=logged) for seed, logged in enumerate(each)]
        for arm, each in params.items()
    }
    arms = {"base": {"kind": "base", "size": 8}, "new": {"kind": "new", "size": 8}}
    return section(memo_on({"c": BETTER}, runs, arms=arms, **program), "What ran")


def test_what_runs_logged_wins_over_what_is_declared_and_the_rest_is_called_declared() -> None:
    text = ran(
        {"base": [{"size": "16", "width": "2"}], "new": [{"kind": "new", "width": "2"}]},
        **{"with": {"clip": None, "width": 2.0}},
    )
    assert cells(text, "`base`")[1:] == ["size 16; declared: kind base", "1"]
    assert cells(text, "`new`")[1:] == ["kind new; declared: size 8", "1"]
    assert "All arms: width 2; declared: clip none." in text
    assert "was logged by no run of the arm" in text


def test_what_one_arm_alone_logged_is_not_said_of_all() -> None:
    text = ran({"base": [{"width": "2"}], "new": [{}]}, **{"with": {"width": 2}})
    assert "All arms" not in text
    assert cells(text, "`base`")[1] == "width 2; declared: kind base, size 8"
    assert cells(text, "`new`")[1] == "declared: kind new, size 8, width 2"


def test_what_each_arm_tuned_is_listed_where_it_differs_and_defaults_that_all_share_are_not() -> None:
    base = [{"kind": "base", "size": "8", "eta": e, "depth": "3", "seed": str(s)} for s, e in enumerate("12")]
    new = [{"kind": "new", "size": "8", "eta": "1", "depth": "3", "seed": "5"}]
    text = ran({"base": base, "new": new})
    assert cells(text, "`base`")[1] == "kind base, size 8, eta 1 or 2"
    assert cells(text, "`new`")[1] == "kind new, size 8, eta 1"
    assert "declared" not in text and "depth" not in text


# --- criteria and claims ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("criterion", "compared"),
    [
        ({"metric": "acc", "arm": "new", "above": 0.5}, "new: acc"),
        ({"metric": "acc", "arm": "new", "over_seeds": "sd", "at_most": 1}, "sd over seeds of new: acc"),
        (
            {"metric": "acc", "each_of": ["new", "base"], "above": 0},
            "each of new, base: acc; decided by base",
        ),
        (BETTER, "new - base: acc"),
        ({**BETTER, "as": "ratio"}, "new / base: acc"),
        ({"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}, "new against base: acc"),
        ({"metric": "acc", "arm": "new", "versus_metric": "loss", "at_least": 0}, "new: acc - loss"),
        ({**BETTER, "versus_metric": "loss"}, "new: acc - base: loss"),
        ({"metric": "acc", "best_first": ["new", "base"]}, "new > base: acc"),
        ({"metric": "acc", "spread_of": ["new", "base"], "at_most": 1}, "among new, base: acc"),
    ],
)
def test_a_criterion_names_what_it_compares(criterion: dict[str, Any], compared: str) -> None:
    base = [{"acc": 0.5 + 0.01 * s, "loss": 0.1} for s in range(3)]
    new = [{"acc": 0.8 + 0.02 * s, "loss": 0.1} for s in range(3)]
    memo = memo_on({"c": criterion}, {"base": base, "new": new})
    assert cells(section(memo, "Criteria"), "`c`")[2] == compared


def test_a_floor_is_named_with_its_value_and_the_value_itself_stands_beside_it() -> None:
    runs = [{"f1": 0.3 + 0.1 * s, "f1_floor": 0.2 + 0.1 * s - 1e-3 * s, "acc": 0.4} for s in range(3)]
    floor = {"metric": "f1", "arm": "base", "above": "floor"}
    program = make_program({"c": floor, "chance": {"metric": "acc", "arm": "base", "above": "floor"}})
    verdict = verdict_of(program, make_evidence({"base": runs}))
    rows = section(memo_of(program, verdict), "Criteria")
    assert cells(rows, "`c`")[3:5] == [
        "0.4, beyond it by +0.101 [0.09183, 0.1048]",
        "above its floor f1_floor (0.299)",
    ]
    assert cells(rows, "`chance`")[4] == "above its floor 0.5"
    text = as_text(trace(verdict, program=program), full=True)
    assert "base.f1 = 0.4, asked above its floor f1_floor (0.299): beyond it by +0.101" in text
    assert "base.acc = 0.4" in text and "asked above its floor 0.5" in text


def test_claims_are_listed_as_they_stand_with_the_figure_that_settles_them() -> None:
    claims = {"high": {"says": "It is high.", "supported": ["both"]}}
    criteria = {
        "acc_high": {"metric": "acc", "arm": "base", "above": 0.5},
        "loss_low": {"metric": "loss", "arm": "base", "below": 0.5},
        "both": {"all_of": ["acc_high", "loss_low"]},
    }
    runs = {"base": [{"acc": 0.1, "loss": 0.1}]}
    text = section(memo_on(criteria, runs, gate=["both"], claims=claims), "Claims")
    claim = line(text, "It is high.")
    assert claim.startswith("- **refuted**: It is high. Found: base.acc = 0.1, asked above 0.5")
    assert "loss" not in claim and "provisional, as the verdict of look is (1 seed)" in claim


# --- the answer ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "outcome", "cause", "answer"),
    [
        ("Is it better?", "pass", None, "Yes."),
        ("On fresh data, is it better?", "fail", None, "No."),
        ("Which facts stand?", "pass", None, "Every criterion of the gate is met."),
        ("With noise, how far does it go?", "fail", None, "The gate is not met."),
        ("Does the head harm, or is it the space?", "pass", None, "Every criterion of the gate is met."),
        (
            "Is it better?",
            "fail",
            "equivalent",
            "No difference worth having was found: what was compared is equivalent.",
        ),
        ("Which is better?", "inconclusive", "budget", "Not decided."),
    ],
)
def test_only_a_question_that_asks_for_it_is_answered_with_yes_or_no(
    question: str, outcome: str, cause: str | None, answer: str
) -> None:
    program = make_program({"c": BETTER}, question=question)
    verdict = verdict_of(program, make_evidence({"base": [0.5], "new": [0.6]}))
    verdict = verdict.model_copy(update={"outcome": outcome, "cause": cause})
    assert answer_line(program, verdict) == answer


def test_the_brief_names_what_the_gate_cannot_tell() -> None:
    early = make_run("base", 0, metrics={"acc": 0.9}, outcome="slowdown")
    rule = {"metric": "acc", "arm": "base", "above": 0.5, "needs_complete": True}
    text = section(memo_on({"c": rule}, {"base": [early]}), "TL;DR")
    assert "- `c` undecided: partial evidence: run base-0 (base, seed 0) ended early (slowdown)\n" in text
