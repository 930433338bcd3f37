"""Guards: conditions on the evidence itself."""

from __future__ import annotations

from typing import Any

import pytest

from planner.evidence.evidence import Evidence
from planner.records.runs import Run
from tests.support.builders import (
    IS_BETTER,
    PHASE,
    guards,
    make_evidence,
    make_program,
    make_run,
    two,
    verdict_of,
)

# --- seeds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seeds", "outcome"), [(2, "not_met"), (3, "met"), (4, "met")])
def test_seeds_asks_for_the_planned_number_in_every_arm(seeds: int, outcome: str) -> None:
    guard = guards(make_evidence({"base": [0.5] * seeds, "new": [0.6] * 5}))["seeds"]
    assert (guard.outcome, guard.observed) == (outcome, float(seeds))


def test_seeds_counts_the_seeds_that_compared_arms_share() -> None:
    """Five seeds of each arm, three of them in common: the comparison rests on three."""
    runs = {
        "base": [make_run("base", s, metrics={"acc": 0.5}) for s in range(5)],
        "new": [make_run("new", s, metrics={"acc": 0.6}) for s in range(2, 7)],
    }
    guard = guards(make_evidence(runs), seeds=5)["seeds"]
    assert (guard.outcome, guard.observed) == ("not_met", 3.0)
    assert "new with base" in guard.reason


@pytest.mark.parametrize("consequence", ["invalid", "blocked", "caveat"])
def test_a_built_in_guard_has_the_consequence_that_is_declared(consequence: str) -> None:
    evidence = make_evidence({"base": [0.5], "new": [0.6]})
    assert guards(evidence, guards={"seeds": consequence})["seeds"].consequence == consequence


def test_a_smoke_run_has_the_seeds_that_it_plans_so_that_it_is_not_invalid_for_want_of_them() -> None:
    evidence = make_evidence({"base": [0.5] * 2, "new": [0.6] * 2})
    guard = guards(evidence, guards={"seeds": "invalid"}, judged_at="smoke")["seeds"]
    assert (guard.outcome, guard.consequence) == ("not_met", "caveat")


# --- complete -------------------------------------------------------------------------------------


def test_complete_names_the_runs_that_ended_early_and_those_that_failed() -> None:
    assert guards(two({}, {}))["complete"].outcome == "met"
    early = guards(two({}, {"outcome": "slowdown"}))["complete"]
    assert early.outcome == "not_met" and "new-0 (new, seed 0) ended early: slowdown" in early.reason
    evidence = two({}, {})
    crashed = {s: make_run("new", s, outcome="code_error", reason="ValueError: no rows") for s in (3, 4)}
    failed = Evidence(PHASE, "standard", evidence.runs, {"new": crashed}, evidence.declared)
    complete = guards(failed)["complete"]
    assert complete.reason == "2 runs of new crashed: ValueError: no rows: new-3, new-4"
    assert complete.observed == 2.0


# --- declared guards ------------------------------------------------------------------------------

LEAK = {
    **IS_BETTER,
    "no_leak": {
        "metric": "f1",
        "arm": "base",
        "at_most": 0.05,
        "treatment": "point",
        "says": "there is no leak",
    },
}


def leaking(leak: float | None) -> Evidence:
    runs = {
        arm: [
            make_run(arm, s, metrics={"acc": 0.5 + 0.1 * s, **({} if leak is None else {"f1": leak})})
            for s in range(3)
        ]
        for arm in ("base", "new")
    }
    return make_evidence(runs)


def test_a_criterion_that_is_not_met_has_its_declared_consequence() -> None:
    guard = guards(leaking(0.9), LEAK, gate=["better"], guards={"no_leak": "invalid"})["no_leak"]
    assert (guard.outcome, guard.consequence, guard.observed) == ("not_met", "invalid", 0.9)
    assert guard.reason.startswith("it is not so that there is no leak (base.f1 = 0.9")
    assert (
        guards(leaking(0.05), LEAK, gate=["better"], guards={"no_leak": "invalid"})["no_leak"].outcome
        == "met"
    )


def test_a_guard_whose_evidence_is_absent_gives_a_caveat_whatever_is_declared() -> None:
    for consequence in ("invalid", "blocked"):
        guard = guards(leaking(None), LEAK, gate=["better"], guards={"no_leak": consequence})["no_leak"]
        assert (guard.outcome, guard.consequence) == ("not_applicable", "caveat")
        assert guard.reason.startswith("it is not known whether there is no leak")


def test_a_guard_may_be_a_criterion_of_an_earlier_phase() -> None:
    more = {
        "preflight": {
            "question": "?",
            "arms": ["base"],
            "criteria": {"no_leak": {"metric": "f1", "arm": "base", "at_most": 0.05, "treatment": "point"}},
            "gate": ["no_leak"],
        }
    }
    program = make_program(IS_BETTER, guards={"preflight.no_leak": "invalid"}, more=more)
    evidence = leaking(0.9)
    from planner.judging.verdict import build_test_design, judge_phase

    before = judge_phase(
        program,
        "preflight",
        Evidence("preflight", "standard", evidence.runs, {}, {}),
        build_test_design(program, "preflight", "standard", True),
    )
    verdict = verdict_of(program, evidence, earlier={"preflight": before})
    assert (verdict.outcome, verdict.cause) == ("invalid", "preflight.no_leak")
    assert verdict.rests_on == ("preflight",)
    alone = verdict_of(program, evidence)
    assert alone.outcome != "invalid"
    assert any(c.startswith("preflight.no_leak: ") for c in alone.caveats)


# --- confounds ------------------------------------------------------------------------------------


def test_arms_that_differ_in_the_declared_factor_alone_have_no_confound() -> None:
    results = guards(
        two({"params": {"kind": "base", "lr": "0.001"}}, {"params": {"kind": "new", "lr": "1e-3"}})
    )
    assert results["confounds"].outcome == "met"


@pytest.mark.parametrize(
    ("field", "values", "name"),
    [
        ("params", ({"lr": "0.001"}, {"lr": "0.01"}), "lr"),
        ("data_digest", ("d1", "d2"), "dataset digest"),
        ("code_digest", ("c1", "c2"), "code digest"),
        ("fidelity", ("standard", "full"), "fidelity"),
        ("device", ("cpu", "cuda"), "device"),
    ],
)
def test_whatever_else_differs_is_a_confound(field: str, values: tuple[Any, Any], name: str) -> None:
    results = guards(two({field: values[0]}, {field: values[1]}))
    assert results[f"confound:{name}"].outcome == "not_met"
    assert results[f"confound:{name}"].consequence == "caveat"
    strict = guards(two({field: values[0]}, {field: values[1]}), on_confound="invalid")
    assert strict[f"confound:{name}"].consequence == "invalid"


@pytest.mark.parametrize(
    ("one", "other"),
    [("0.001", "1e-3"), ("True", "true"), ("None", "null"), ("5", "5.0"), ("['a']", '["a"]')],
)
def test_values_that_are_written_differently_are_no_confound(one: str, other: str) -> None:
    assert "confounds" in guards(two({"params": {"p": one}}, {"params": {"p": other}}))


def test_what_only_one_arm_has_is_a_caveat_even_where_confounds_are_invalid() -> None:
    guard = guards(two({}, {"params": {"momentum": "0.9"}}), on_confound="invalid")["one_sided:momentum"]
    assert (guard.outcome, guard.consequence) == ("not_met", "caveat")
    assert guard.reason == "momentum is set in new and not in base (better)"


def test_a_confound_names_every_criterion_that_compares_the_arms() -> None:
    third = {"metric": "acc", "arm": "third", "versus": "base", "above": 0.0}
    own = {**IS_BETTER["better"], "factor": ["kind", "lr"]}
    criteria = {**IS_BETTER, "as_good": {**IS_BETTER["better"], "metric": "f1"}, "own": own, "third": third}
    runs = two({"params": {"lr": "0.1"}}, {"params": {"lr": "0.2"}}).runs
    more = [make_run("third", s, metrics={"acc": 0.5}, params={"lr": "0.3"}) for s in range(3)]
    evidence = make_evidence({**{a: list(r.values()) for a, r in runs.items()}, "third": more})
    guard = guards(evidence, criteria, gate=["better"])["confound:lr"]
    assert guard.criteria == ("better", "as_good", "third")
    assert guard.reason == (
        "lr is 0.2 in new and 0.1 in base (better, as_good); lr is 0.3 in third and 0.1 in base (third)"
    )


@pytest.mark.parametrize(
    ("base", "new", "arms"),
    [(None, None, "base, new"), ("d1", None, "new"), (None, "d1", "base")],
)
def test_data_whose_digest_was_not_logged_are_unknown_and_neither_equal_nor_a_confound(
    base: str | None, new: str | None, arms: str
) -> None:
    evidence = two({"data_digest": base}, {"data_digest": new})
    criteria = {**IS_BETTER, "too": {**IS_BETTER["better"], "metric": "f1"}}
    results = guards(evidence, criteria, gate=["better"], on_confound="invalid")
    unlogged = results["unlogged:dataset digest"]
    assert (unlogged.outcome, unlogged.consequence) == ("not_applicable", "caveat")
    assert unlogged.reason == (
        f"runs of {arms} logged no dataset digest: whether they ran on the same data is not known"
    )
    assert "differ in nothing" not in results["confounds"].reason
    assert not any(name.startswith("one_sided") for name in results)


def test_runs_without_any_parameters_give_one_caveat_that_names_their_arms() -> None:
    logged = {"lr": "0.1", "momentum": "0.9", "depth": "3"}
    results = guards(two({"params": {}, "code_digest": None}, {"params": logged, "code_digest": "c"}))
    assert [name for name in results if name.startswith(("one_sided", "unlogged"))] == ["unlogged:parameters"]
    assert results["unlogged:parameters"].reason.startswith("runs of base logged no parameters: ")
    both = guards(two({"params": {}}, {"params": {}}))
    assert both["unlogged:parameters"].reason.startswith("runs of base, new logged no parameters")
    ours = {"params": {}, "fingerprint": "f"}
    assert "unlogged:parameters" not in guards(two(ours, ours))


def test_where_only_one_arm_was_run_none_is_said_to_be_compared() -> None:
    results = guards(make_evidence({"new": [0.5, 0.6, 0.7]}))
    assert results["confounds"].reason == "no arms are compared"


def test_tuned_parameters_and_the_factor_of_a_criterion_are_no_confound() -> None:
    evidence = two({"params": {"eta": "0.1"}}, {"params": {"eta": "0.3"}})
    assert "confound:eta" in guards(evidence)
    assert "confounds" in guards(evidence, tuned="eta")
    own = {"better": {**IS_BETTER["better"], "factor": ["eta", "kind"]}}
    assert "confounds" in guards(evidence, own)


def test_the_factor_of_a_criterion_replaces_that_of_the_phase() -> None:
    own = {"better": {**IS_BETTER["better"], "factor": "eta"}}
    assert "confound:kind" in guards(two({}, {}), own)


def test_a_device_that_differs_from_the_requested_one_is_not_hidden_by_the_parameter() -> None:
    requested = {"params": {"device": "auto"}}
    results = guards(two({**requested, "device": "cpu"}, {**requested, "device": "cuda"}))
    assert "confound:device of the run" in results
    chosen = guards(
        two({**requested, "device": "cpu"}, {**requested, "device": "cuda"}), factor=["kind"], tuned="device"
    )
    assert "confounds" in chosen


def test_a_seed_is_no_parameter_and_every_shared_seed_is_looked_at() -> None:
    def run(arm: str, s: int, lr: str) -> Run:
        return make_run(arm, s, metrics={"acc": 0.5}, params={"seed": f"{s}{arm}", "lr": lr})

    evidence = make_evidence(
        {
            "base": [run("base", s, "0.1") for s in range(3)],
            "new": [run("new", s, "0.1" if s < 2 else "0.2") for s in range(3)],
        }
    )
    results = guards(evidence)
    assert "confound:lr" in results and "confound:seed" not in results


@pytest.mark.parametrize(
    "criterion",
    [
        {"metric": "acc", "best_first": ["new", "base"]},
        {"metric": "acc", "spread_of": ["new", "base"], "at_most": 0.1},
        {"metric": "acc", "each_of": ["new", "third"], "versus": "base", "above": 0.0},
        {"metric": "acc", "arm": "new", "versus": "base", "versus_metric": "f1", "above": 0.0},
    ],
)
def test_every_kind_that_compares_arms_is_checked(criterion: dict[str, Any]) -> None:
    evidence = two({"params": {"lr": "0.1"}}, {"params": {"lr": "0.2"}})
    assert "confound:lr" in guards(evidence, {"c": criterion})


def test_arms_that_are_not_compared_may_differ() -> None:
    evidence = two({"params": {"lr": "0.1"}}, {"params": {"lr": "0.2"}})
    level = {"c": {"metric": "acc", "each_of": ["new", "base"], "above": 0.0}}
    assert "confounds" in guards(evidence, level)


# --- artifacts ------------------------------------------------------------------------------------

ARTIFACTS = ["curve.csv", "model.pt"]


def test_files_that_every_run_of_some_arm_left_are_there() -> None:
    evidence = two({"artifacts": ("curve.csv",)}, {"artifacts": ("curve.csv", "model.pt")})
    guard = guards(evidence, artifacts=ARTIFACTS)["artifacts"]
    assert (guard.outcome, guard.reason) == ("met", "all 2 files were left")


def test_a_file_that_no_run_left_is_named() -> None:
    results = guards(two({"artifacts": ("curve.csv",)}, {"artifacts": ("curve.csv",)}), artifacts=ARTIFACTS)
    assert (results["artifacts"].outcome, results["artifacts"].reason) == ("not_met", "no run left model.pt")


def test_a_file_that_one_run_of_an_arm_lacks_is_named_with_the_run() -> None:
    evidence = two({"artifacts": ARTIFACTS}, {"artifacts": ARTIFACTS})
    runs = {**evidence.of("new"), 1: evidence.of("new")[1].model_copy(update={"artifacts": ("model.pt",)})}
    lacking = make_evidence({"base": list(evidence.of("base").values()), "new": list(runs.values())})
    guard = guards(lacking, artifacts=ARTIFACTS, guards={"artifacts": "invalid"})["artifacts"]
    assert guard.reason == "curve.csv is missing in run new-1 (new, seed 1)"
    assert (guard.outcome, guard.consequence) == ("not_met", "invalid")


def test_runs_that_do_not_say_what_they_left_are_passed_over() -> None:
    assert "artifacts" not in guards(two({}, {}), artifacts=ARTIFACTS)
    assert "artifacts" not in guards(two({"artifacts": ()}, {"artifacts": ()}))


def others_run(arm: str, seed: int, step: int, **params: str) -> Run:
    run = make_run(arm, seed, metrics={"acc": 0.5 + seed / 100}, params=params)
    return run.model_copy(update={"last_steps": {"acc": step}})


def test_arms_of_others_that_end_at_other_steps_are_named_and_early_stopping_is_not() -> None:
    apart = make_evidence(
        {
            "base": [others_run("base", s, 1) for s in range(3)],
            "new": [others_run("new", s, 9) for s in range(3)],
        }
    )
    assert "of base at step 1" in guards(apart)["last_step"].reason
    assert guards(apart)["last_step"].consequence == "caveat"
    early = make_evidence(
        {
            "base": [others_run("base", s, 7 + s) for s in range(3)],
            "new": [others_run("new", s, 9 - s) for s in range(3)],
        }
    )
    assert "last_step" not in guards(early)


def test_what_differs_from_run_to_run_in_both_arms_is_no_confound() -> None:
    evidence = make_evidence(
        {
            arm: [others_run(arm, s, 1, output_dir=f"/{arm}/{s}", host=f"n{s}") for s in range(3)]
            for arm in ("base", "new")
        }
    )
    assert not any("output_dir" in name or "host" in name for name in guards(evidence))
