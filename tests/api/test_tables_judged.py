"""Verdicts, plans and what-ifs of tables: the rules are those of ``advance``."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import planner
from planner.language.program import Program, build
from planner.testing import MemoryHome, example_program, example_table
from tests.support.reference_figures import load_draft, load_figures, reference_verdict
from tests.support.worlds import foreign_run, scores, small, stand


def table_of(script: Any, arms: tuple[str, ...]) -> list[dict[str, Any]]:
    """What a script of a world measures at three seeds, as rows."""
    return [{"arm": arm, "seed": seed, **script(arm, seed)} for arm in arms for seed in range(3)]


@pytest.mark.parametrize(
    ("name", "phase"), [("credit_linesearch", "phase_6a"), ("contrastive_retrieval", "phase1")]
)
def test_a_documents_figures_in_a_frame_give_its_authors_verdict(name: str, phase: str) -> None:
    runs = load_figures(name)["phases"][phase]["runs"]
    rows = [
        {
            "arm": r["arm"],
            "seed": r["seed"],
            "params": r["params"],
            "data_digest": r.get("data_digest"),
            **r["metrics"],
        }
        for r in runs
    ]
    verdict = load_draft(name).judge(pd.DataFrame(rows), phase=phase)
    author = reference_verdict(name, phase)
    assert (verdict.outcome, verdict.case, verdict.tier) == (author.outcome, author.case, author.tier)


def test_a_table_is_judged_as_runs_that_others_logged_would_be() -> None:
    program, script = small(), scores(new=1.0)
    runs = [foreign_run("first", arm, s, script(arm, s)) for arm in ("base", "new") for s in range(3)]
    logged = stand(program, runs, no_run=True).verdicts["first"]
    verdict = program.judge(table_of(script, ("base", "new")), phase="first")
    without_ids = {"id", "run_ids", "evidence_digest", "considered", "table", "criteria", "turnings"}
    assert verdict.model_dump(exclude=without_ids) == logged.model_dump(exclude=without_ids)
    assert [c.outcome for c in verdict.criteria] == [c.outcome for c in logged.criteria]


def test_which_phase_is_meant_has_to_be_said_where_rows_can_be_of_several() -> None:
    table = table_of(scores(new=1.0), ("base", "new"))
    assert small().judge(table).phase == "first"  # no other phase has this arm
    both = table_of(scores(new=1.0), ("base", "new", "other"))
    with pytest.raises(planner.UsageError, match="which phase of small.* may be first, second"):
        small().judge(both)
    assert small().judge(both, phase="second").outcome == "fail"
    assert small().judge([{**row, "phase": "first"} for row in both]).phase == "first"


def test_unknown_phases_and_fidelities_are_named_with_what_was_meant() -> None:
    with pytest.raises(planner.UsageError, match="has no phase 'first_lok'; did you mean 'first_look'"):
        example_program().judge(example_table(), phase="first_lok")
    with pytest.raises(planner.UsageError, match="no fidelity 'ful'; did you mean 'full'"):
        example_program().judge(example_table(), fidelity="ful")


def test_rows_of_another_fidelity_are_no_evidence_at_this_one() -> None:
    smoke = [{**row, "fidelity": "smoke"} for row in example_table()]
    assert example_program().judge(smoke, fidelity="smoke").confidence == "provisional"
    with pytest.raises(planner.UsageError, match="no row .* is of phase 'first_look' at fidelity full"):
        example_program().judge(smoke, fidelity="full")


def test_a_first_argument_that_is_no_program_is_refused() -> None:
    for function in (planner.judge, planner.plan):
        with pytest.raises(planner.UsageError, match="takes a program first"):
            function(example_table(), example_table())  # type: ignore[arg-type]


def test_a_rule_on_another_phases_criterion_is_judged_with_the_earlier_verdict() -> None:
    raw = example_program().model_dump(mode="json", by_alias=True, exclude_unset=True)
    first = raw["phases"]["first_look"]
    raw["budget"] = {"seeds_per_arm": 3}
    raw["phases"]["second_look"] = {**first, "gate": ["two_points_better", "first_look.two_points_better"]}
    program = build(raw)
    first_verdict = program.judge(example_table(), phase="first_look")
    alone = program.judge(example_table(), phase="second_look")
    after = program.judge(example_table(), phase="second_look", earlier=[first_verdict])
    assert (alone.outcome, after.outcome) == ("inconclusive", "pass")


def test_a_plan_says_which_runs_are_missing_and_forgets_none_that_is_there() -> None:
    table = [row for row in example_table() if (row["arm"], row["seed"]) != ("dropout", 1)]
    ahead = planner.plan(example_program(), table)
    assert [(run.arm, run.seed, run.params) for run in ahead.launch] == [("dropout", 1, {"dropout": 0.3})]
    assert ahead.next is not None
    assert ahead.next.action == "run_phase"


def test_a_plan_walks_on_over_the_phases_of_a_table() -> None:
    table = table_of(scores(), ("base", "new", "other"))
    ahead = planner.plan(small(), table)
    assert [step.verdict.phase for step in ahead.steps] == ["first", "second"]
    assert (ahead.phase, {run.arm for run in ahead.launch}) == ("third", {"last"})


def test_what_if_moves_a_mean_and_says_what_follows() -> None:
    program, table = small({"seeds_per_arm": 3}), table_of(scores(), ("base", "new"))
    report = planner.what_if(program, table, {"new.score": 2.0}, phase="first")
    assert (report["before"]["outcome"], report["after"]["outcome"]) == ("fail", "pass")
    assert "what if new.score were 2 in first" in str(report)


@pytest.mark.parametrize(
    ("means", "sentence"),
    [
        ({}, "takes means as"),
        ({"new": 1.0}, "names no arm and metric of 'first'"),
        ({"new.score": "high"}, "new.score is 'high', and should be a number"),
    ],
)
def test_what_cannot_be_supposed_is_refused(means: Any, sentence: str) -> None:
    with pytest.raises(planner.UsageError, match=sentence):
        planner.what_if(small(), table_of(scores(), ("base", "new")), means, phase="first")


def test_an_explanation_with_the_program_also_says_what_could_change_the_answer() -> None:
    program = example_program()
    verdict = program.judge(example_table())
    short, whole = planner.explain(verdict), planner.explain(verdict, program)
    assert short["outcome"] == whole["verdict"]["outcome"] == "pass"
    assert "error budget" not in str(short)
    assert "error budget: this gate may pass falsely with probability" in str(whole)
    assert "runs 0-dropout" in str(planner.explain(verdict, full=True))
    assert "and the verdict fail" in str(short)


def test_an_explanation_refuses_what_is_no_verdict_and_a_program_of_another() -> None:
    verdict = example_program().judge(example_table())
    with pytest.raises(planner.UsageError, match="explain takes a verdict, not str"):
        planner.explain("first_look")  # type: ignore[arg-type]
    with pytest.raises(planner.UsageError, match="small is not the program of this verdict on dropout"):
        planner.explain(verdict, small())


def test_a_program_is_loaded_from_a_file_or_a_mapping_and_checked() -> None:
    program = planner.load_program("tests/programs/dropout.yaml")
    raw = program.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert planner.load_program(raw) == program
    assert planner.check(raw) == planner.check("tests/programs/dropout.yaml") == []
    raw["phases"]["first_look"]["gate"] = ["two_points"]
    with pytest.raises(planner.ProgramError, match="two_points"):
        planner.load_program(raw)
    with pytest.raises(planner.UsageError, match="takes a file or a mapping of a program's keys, not int"):
        planner.load_program(3)  # type: ignore[arg-type]


def test_what_check_says_of_a_program_reads_as_a_line() -> None:
    findings = planner.check(low_bound(example_program()))
    assert [finding.severity for finding in findings][:1] == ["error"]
    assert "two_points_better" in str(findings[0])


def low_bound(program: Program) -> Program:
    """The program with a bound that accuracy, a fraction, can never pass."""
    raw = program.model_dump(mode="json", by_alias=True, exclude_unset=True)
    raw["phases"]["first_look"]["criteria"]["two_points_better"]["better_by"] = 2.0
    return build(raw)


def test_calibration_in_python_gives_what_the_command_gives() -> None:
    report = planner.calibrate(example_program(), noise={"val_accuracy": 0.02}, repetitions=4, seed=1)
    assert report["schema"] == "phasegate.calibrate/1"
    assert report["noise"]["val_accuracy"]["source"] == "stated"
    assert "dropout: 4 repetitions, seed 1" in str(report)
    with pytest.raises(planner.UsageError, match="has no metric 'loss'"):
        planner.calibrate(example_program(), noise={"loss": 1.0}, repetitions=1)


def test_noise_is_measured_on_verdicts_where_it_is_not_stated() -> None:
    verdict = (
        MemoryHome(example_program(), lambda run: {"val_accuracy": 0.9 + run.seed / 100}).advance().verdicts
    )
    report = planner.calibrate(example_program(), verdicts=verdict.values(), repetitions=2)
    assert report["noise"]["val_accuracy"]["source"] == "measured"
