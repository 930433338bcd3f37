"""A memo read as a reader would: every statement follows from the figures, and its tables agree."""

from __future__ import annotations

import re

import pytest

from planner.language.criterion import Comparison, Level, Measured
from planner.records.verdict import Verdict
from tests.studies.replays.moving import move, subjects_of
from tests.studies.replays.replaying import (
    JUDGED,
    document,
    figures_of,
    line_of,
    memo_of,
    program_of,
    raw_run,
    replay,
    section,
    seeds_of,
    step_of,
    table_of,
)

judged = pytest.mark.parametrize(("name", "phase"), JUDGED)


def memo(name: str, phase: str) -> str:
    return memo_of(name, document(name), phase)


def row(verdict: Verdict) -> tuple[object, ...]:
    return verdict.outcome, verdict.case, verdict.tier, verdict.hypothesis


@judged
def test_what_is_said_to_change_the_verdict_changes_it(name: str, phase: str) -> None:
    program, before = program_of(name), step_of(document(name), phase).verdict
    text = section(memo(name, phase), "What would change the verdict")
    for criterion in re.findall(r"^- `(\w+)`", text, re.MULTILINE):
        result, rule = before.criterion(criterion), program.phases[phase].criteria[criterion]
        assert result is not None and result.flips_at is not None and result.observed is not None
        assert isinstance(rule, Measured)
        away = 1e-6 if result.flips_at >= result.observed else -1e-6
        figures = figures_of(name)
        move(program, figures, phase, rule, subjects_of(rule)[0], result.flips_at + away)
        assert row(step_of(replay(name, figures), phase).verdict) != row(before), criterion


@judged
def test_what_a_criterion_observed_can_be_worked_out_from_the_tables_of_the_memo(
    name: str, phase: str
) -> None:
    program, text = program_of(name), section(memo(name, phase), "Results")
    shown = {(r["arm"].strip("`"), head.split(" (")[0]): r[head] for r in tables(text) for head in r}
    observed = {
        r["criterion"].strip("`"): r["observed"] for r in table_of(section(memo(name, phase), "Criteria"))
    }
    for criterion, rule in program.phases[phase].criteria.items():
        if not isinstance(rule, Level | Comparison) or rule.arm is None or observed[criterion] == "-":
            continue
        if rule.against_floor or rule.at not in (None, 1) or rule.since is not None:
            continue
        left = value_in(shown, rule.arm, rule.metric, rule.at)
        worked_out = left
        if isinstance(rule, Comparison):
            right = value_in(shown, rule.versus or rule.arm, rule.other_metric, rule.at)
            worked_out = left / right if rule.as_ == "ratio" else left - right
        # Two figures of the observed value have to come out; the sign is a matter of what is better.
        assert abs(worked_out) == pytest.approx(abs(float(observed[criterion])), rel=0.05, abs=1e-9), (
            criterion
        )


def tables(text: str) -> list[dict[str, str]]:
    return [row for part in re.split(r"\n(?=\| arm)", "\n" + text)[1:] for row in table_of(part)]


def value_in(shown: dict[tuple[str, str], str], arm: str, metric: str, step: object) -> float:
    """A cell of the results; that of a step has a column of its own that names the step."""
    heads = [head for (a, head) in shown if a == arm and head.split()[0] == metric]
    wanted = [h for h in heads if (f"step {step}" in h) == (step is not None)]
    assert wanted, f"no column shows {metric} of {arm}" + (f" at step {step}" if step is not None else "")
    return float(shown[arm, wanted[0]].split()[0])


@judged
def test_every_metric_that_was_logged_and_that_the_program_names_is_in_the_memo(
    name: str, phase: str
) -> None:
    program, text = program_of(name), section(memo(name, phase), "Results")
    source = program.phases[phase].runs_of or phase
    logged = {m for run in figures_of(name)[source] for m in (*run["metrics"], *run.get("series", {}))}
    assert [m for m in program.metrics if m in logged and f"| {m} (" not in text] == []


@pytest.mark.parametrize(
    ("name", "phase", "arm", "logged"),
    [
        ("contrastive_retrieval", "phase1", "infonce_ar", "projection_dim 256"),
        ("span_multitask", "countdown_normalization", "proxies", "return_weight 2"),
        ("ep_contraction", "fact_check", "bptt", "T1 150"),
    ],
)
def test_what_ran_is_stated_as_the_runs_logged_it(name: str, phase: str, arm: str, logged: str) -> None:
    text = section(memo(name, phase), "What ran")
    assert re.search(rf"{logged}\b", line_of(text, f"`{arm}`"))


def test_what_no_run_of_others_logged_is_not_stated_as_what_ran() -> None:
    text = section(memo("gated_ctr", "regularization"), "What ran")
    (common,) = [line for line in text.splitlines() if "num_workers 2" in line]
    assert "declare" in common or "not logged" in common


@judged
def test_intervals_are_spoken_of_only_where_there_are_some(name: str, phase: str) -> None:
    text = section(memo(name, phase), "Results")
    assert "[" not in text.replace("![", "")
    assert "interval in brackets" not in text


def test_with_several_seeds_every_difference_has_its_interval() -> None:
    figures = figures_of("gated_ctr")
    raw_run(figures, "regularization", "balanced").pop("status")
    seeds_of(figures, "regularization", 5)
    position = replay("gated_ctr", figures)
    text = section(memo_of("gated_ctr", position, "regularization"), "Criteria")
    for criterion in ("as_good_as_weak", "gate_below_weak", "gate_above_strong"):
        assert re.search(r"\[-?[\d.e-]+, -?[\d.e-]+\]", line_of(text, f"`{criterion}`")), criterion


@judged
def test_yes_and_no_answer_only_questions_that_ask_for_them(name: str, phase: str) -> None:
    question = program_of(name).phases[phase].question
    answer = section(memo(name, phase), "TL;DR").strip().splitlines()[0]
    either_or = ", or " in question or question.startswith("Which ")
    assert not either_or or not re.match(r"(Yes|No)\b", answer)


def test_a_bound_that_is_another_metric_is_named_and_not_called_zero() -> None:
    figures = figures_of("span_multitask")
    figures["countdown_normalization"][1]["metrics"].update(average_precision=0.12, span_base_rate=0.07)
    for position in (document("span_multitask"), replay("span_multitask", figures)):
        text = section(memo_of("span_multitask", position, "countdown_normalization"), "Criteria")
        assert "span_base_rate" in line_of(text, "`beats_floor`")


@judged
def test_claims_of_a_provisional_verdict_are_called_provisional_in_the_memo(name: str, phase: str) -> None:
    text = memo(name, phase)
    if "## Claims" in text:
        assert "provisional" in section(text, "Claims")


@judged
def test_nothing_is_counted_in_a_wrong_number(name: str, phase: str) -> None:
    assert not re.search(r"\b1 (runs|seeds)\b|seed\(s\)", memo(name, phase))


def test_a_deferred_option_is_not_said_to_be_due_before_its_condition_is_met() -> None:
    decision = step_of(document("gated_ctr"), "regularization").decision
    (deferred,) = [r for r in decision.rejected if r.choice == "defer_tuning"]
    assert not deferred.flips_if.startswith("met:")
    assert "gpu_is_there" in deferred.flips_if


@judged
def test_data_whose_digest_nobody_logged_are_not_said_to_be_the_same(name: str, phase: str) -> None:
    verdict = step_of(document(name), phase).verdict
    assert any("digest" in caveat for caveat in verdict.caveats)
    guards = {guard.id: guard.reason for guard in verdict.guards}
    assert "differ in nothing" not in guards.get("confounds", "")
