"""The static check: every planted fault is found, and none where there is none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import ProgramError, dotted
from planner.io.programs.yaml_reader import read_yaml
from planner.language.program import Program, build
from planner.language.references import faults, resolve
from planner.linting.check import Finding, check
from tests.support.rotation import a_fifth_of

PROGRAMS = Path(__file__).parents[1] / "programs"
DRAFTS = sorted(p.stem for p in PROGRAMS.glob("*.yaml"))
REMOVED = object()


def raw(name: str) -> dict[str, Any]:
    return dict(read_yaml((PROGRAMS / f"{name}.yaml").read_bytes()).value)


def sound() -> dict[str, Any]:
    """A small program that has a bit of everything and no fault."""
    level: dict[str, Any] = {"metric": "auc", "arm": "new"}
    return {
        "program": "sound",
        "question": "?",
        "command": ["x", "{seed}", "{params}"],
        "metrics": {
            "auc": {"unit": "x", "better": "higher", "floor": "chance"},
            "chance": {"unit": "x", "better": "neither"},
            "loss": {"unit": "x", "better": "lower"},
            "part": {"unit": "x", "better": "lower", "share": "loss", "of": ["loss", "auc"]},
        },
        "arms": {"old": {"lr": 1}, "new": {"lr": 2}, "other": {"lr": 3}},
        "phases": {
            "first": {
                "question": "?",
                "arms": ["old", "new"],
                "factor": "lr",
                "criteria": {
                    "good": {**level, "at_least": 0.6},
                    "fair": {**level, "at_least": 0.5},
                    "above": {**level, "above": "floor"},
                    "better": {"metric": "auc", "arm": "new", "versus": "old", "better_by": 0.1},
                    "order": {"metric": "loss", "best_first": ["new", "old"]},
                    "flat": {"metric": "loss", "spread_of": ["new", "old"], "at_most": 0.1},
                    "both": {"all_of": ["good", "better"]},
                },
                "gate": ["better", "good"],
                "guards": {"seeds": "invalid", "above": "caveat"},
                "tiers": [
                    {"tier": "gold", "means": "x", "when": ["good"]},
                    {"tier": "silver", "means": "x", "when": ["fair"]},
                    {"tier": "none", "means": "x", "otherwise": True},
                ],
                "cases": {
                    "A": {"means": "x", "when": ["both"]},
                    "B": {"means": "x", "when": ["good"], "unless": ["better"]},
                    "C": {"means": "x", "unless": ["good"]},
                },
                "claims": {"c": {"says": "x", "supported": ["better"], "caveat_unless": ["second.holds"]}},
                "prediction": {"case": "A", "probability": 0.5},
                "next": {"A": "second", "B": "triage", "inconclusive": "triage"},
                "triage": {
                    "diagnose": "look",
                    "options": [
                        {"option": "try", "rationale": "x", "opens": "third", "expects": ["better"]},
                        {"option": "later", "rationale": "x", "opens": "third", "revisit_when": ["flat"]},
                    ],
                },
            },
            "second": {
                "question": "?",
                "arms": ["new", "other"],
                "factor": "lr",
                "criteria": {"holds": {"metric": "auc", "arm": "other", "versus": "new", "within": 0.1}},
                "gate": ["holds", "first.good"],
                "supersedes": {"phase": "first", "case": "A"},
            },
            "third": {
                "question": "?",
                "same_as": "first",
                "swap": {"new": "other"},
                "cases": {},
                "tiers": [],
            },
            "look": {
                "question": "?",
                "runs_of": "first",
                "criteria": {"seen": {**level, "above": 0}},
                "gate": ["seen"],
            },
        },
        "hypotheses": {"decided_by": "first", "rivals": {"A": "x", "B": "y"}},
        "figures": {"f": {"shows": ["auc"], "against": "loss"}},
        "budget": {"runs": 100},
    }


def planted(path: str, value: Any, base: dict[str, Any] | None = None) -> Program:
    """The sound program with one thing changed."""
    program = copy.deepcopy(base or sound())
    *keys, last = path.split("/")
    holder: Any = program
    for key in keys:
        holder = holder[int(key)] if isinstance(holder, list) else holder.setdefault(key, {})
    if value is REMOVED:
        del holder[last]
    elif isinstance(holder, list):
        holder[int(last)] = value
    else:
        holder[last] = value
    return build(program)


def text_of(findings: list[Finding]) -> str:
    return "\n".join(str(finding) for finding in findings)


def test_the_sound_program_has_no_finding() -> None:
    assert text_of(check(build(sound()))) == ""


@pytest.mark.parametrize("name", [name for name in DRAFTS if name != "gated_ctr"])
def test_the_drafts_have_no_finding(name: str) -> None:
    assert text_of(check(build(raw(name)))) == ""


def test_the_findings_in_the_drafts_are_the_learning_rate_and_the_flag_of_the_ctr_study() -> None:
    flag, *confounds = check(build(raw("gated_ctr")))
    assert (flag.severity, dotted(flag.where)) == ("warning", "phases.regularization.criteria.gpu_is_there")
    assert "6 seeds without exception" in flag.what
    assert [(f.severity, dotted(f.where)) for f in confounds] == [
        ("warning", "phases.regularization.criteria.as_good_as_weak"),
        ("warning", "phases.multi_seed.criteria.balanced_is_better"),
    ]
    assert all("differ in lr too" in f.what for f in confounds)


REFERENCES = [
    (
        "phases/first/arms",
        ["old", "new", "newer"],
        "phases.first.arms: 'newer' is no arm; did you mean 'new'?",
    ),
    ("phases/first/arms", ["old", "new", "old"], "phases.first.arms: arm 'old' is listed twice"),
    ("phases/second/arms", [], "phases.second.arms: a phase needs arms"),
    ("phases/second/criteria", {}, "phases.second.criteria: a phase needs criteria"),
    ("phases/first/gate", [], "phases.first.gate: a phase needs a gate"),
    ("phases/first/gate", ["beter"], "'beter' is no criterion of 'first'; did you mean 'better'?"),
    ("phases/first/gate", ["complete"], "'complete' is no criterion"),
    ("phases/first/gate", ["good", "good"], "criterion 'good' is listed twice"),
    ("phases/second/gate", ["first.best"], "'first.best' is no criterion of 'second'"),
    ("phases/first/guards", {"sedes": "caveat"}, "'sedes' is no criterion of 'first'; did you mean 'seeds'?"),
    ("phases/first/criteria/good/metric", "acc", "'acc' is no metric"),
    ("phases/first/criteria/good/arm", "other", "'other' is no arm of this phase"),
    ("phases/first/criteria/good/arm", "none", "'none' is no arm"),
    ("phases/first/criteria/better/versus", "other", "'other' is no arm of this phase"),
    ("phases/first/criteria/better/versus", "new", "compares 'new' with itself"),
    ("phases/first/criteria/better/metric", "chance", "better neither higher nor lower: 'better_by'"),
    ("phases/first/criteria/order/metric", "chance", "better neither higher nor lower: 'best_first'"),
    ("phases/first/criteria/order/best_first", ["new", "old", "new"], "arm 'new' is listed twice"),
    ("phases/first/criteria/order/best_first", ["new"], "needs two arms or more"),
    ("phases/first/criteria/flat/spread_of", ["new"], "needs two arms or more"),
    ("phases/first/criteria/above/metric", "loss", "'loss' has no floor"),
    ("phases/first/criteria/above/since", "first", "the floor bounds an arm's own value"),
    ("phases/first/criteria/both/all_of", ["good", "both"], "rests on itself: both -> both"),
    ("phases/first/criteria/both/all_of", ["good", "bad"], "'bad' is no criterion"),
    ("phases/first/criteria/better/factor", "lrr", "'lrr' is no parameter of any arm; did you mean 'lr'?"),
    ("phases/first/factor", ["momentum"], "'momentum' is no parameter"),
    (
        "phases/first/criteria/seeds",
        {"metric": "auc", "arm": "new", "above": 0},
        "'seeds' is a built-in guard",
    ),
    ("phases/first/criteria/Good", {"metric": "auc", "arm": "new", "above": 0}, "differ only in case"),
    ("arms/NEW", {}, "'NEW' and 'new' differ only in case"),
    ("metrics/AUC", {"unit": "x", "better": "higher"}, "differ only in case"),
    ("metrics/auc/floor", "chanse", "'chanse' is no metric and no number; did you mean 'chance'?"),
    ("metrics/part/of", ["auc"], "'loss' is not among the metrics of the sum"),
    ("metrics/part/of", REMOVED, "a share needs both"),
    ("metrics/part/of", ["loss", "part"], "rests on itself"),
    ("phases/first/cases/A/when", ["all"], "'all' is no criterion"),
    ("phases/first/cases/B/unless", ["good"], "in 'when' and in 'unless'"),
    ("phases/first/cases/pass", {"means": "x", "otherwise": True}, "'pass' is an outcome too"),
    ("phases/first/tiers/0/when", ["gold"], "'gold' is no criterion"),
    ("phases/first/tiers/0/tier", "silver", "tier 'silver' is listed twice"),
    ("phases/first/tiers/0/tier", "A", "'A' is a case too"),
    ("phases/first/claims/c/supported", ["worse"], "'worse' is no criterion"),
    ("phases/first/prediction/case", "D", "'D' is no case of this phase"),
    ("phases/first/prediction", {"tier": "bronze", "probability": 0.5}, "'bronze' is no tier of this phase"),
    ("phases/first/next/D", "second", "'D' is no outcome, case or tier of this phase"),
    ("phases/first/next/A", "secnd", "'secnd' is no phase; did you mean 'second'?"),
    ("phases/first/next/A", "back", "no triage opens this phase"),
    ("phases/second/next", {"pass": "triage"}, "this phase has no triage"),
    ("phases/first/triage/diagnose", "looks", "'looks' is no phase"),
    ("phases/first/triage/diagnose", "first", "'first' cannot name itself here"),
    ("phases/first/triage/options/0/opens", "fourth", "'fourth' is no phase"),
    ("phases/first/triage/options/0/expects", ["holds"], "'holds' is no criterion of 'third'"),
    ("phases/first/triage/options/0/option", "later", "option 'later' is listed twice"),
    ("phases/first/triage/options/1/revisit_when", ["ever"], "'ever' is no criterion"),
    ("phases/look/runs_of", "firs", "'firs' is no phase"),
    ("phases/first/runs_of", "look", "leads in a circle"),
    ("phases/first/supersedes", {"phase": "second"}, "leads in a circle"),
    ("phases/second/supersedes/phase", "zeroth", "'zeroth' is no phase"),
    ("phases/second/supersedes/case", "Z", "'Z' is no case of 'first'"),
    ("phases/second/select", {"old": "x"}, "'old' is no arm of this phase"),
    ("hypotheses/decided_by", "frist", "'frist' is no phase"),
    ("hypotheses/rivals", {"A": "x", "Z": "y"}, "'Z' is no case of 'first'"),
    ("figures/f/shows", ["accuracy"], "'accuracy' is no metric"),
    ("phases/stop", {"question": "?", "same_as": "second"}, "a phase cannot be called 'stop'"),
]


@pytest.mark.parametrize(
    ("path", "value", "what"), REFERENCES, ids=[f"{p}-{w[:30]}" for p, _, w in REFERENCES]
)
def test_a_planted_fault_in_names_is_reported(path: str, value: Any, what: str) -> None:
    program = planted(path, value)
    findings = check(program)
    assert what in text_of(findings)
    assert {f.severity for f in findings} == {"error"}
    assert [(tuple(f.where), f.what) for f in findings] == faults(program)


LOGIC = [
    (
        "phases/first/cases/B",
        {"means": "x", "when": ["good"]},
        "error",
        "cases 'A' and 'B' both hold where good met",
    ),
    ("phases/first/cases/C", REMOVED, "error", "no case holds where good not met"),
    (
        "phases/first/cases/D",
        {"means": "x", "when": ["good"], "unless": ["fair"]},
        "error",
        "case 'D' can never hold",
    ),
    (
        "phases/first/cases/D",
        {"means": "x", "when": ["both"], "unless": ["better"]},
        "error",
        "case 'D' can never hold",
    ),
    ("phases/first/cases/D", {"means": "x", "otherwise": True}, "warning", "case 'D' is never reached"),
    ("phases/first/tiers/1/when", ["both"], "error", "tier 'silver' is never reached"),
    (
        "phases/first/tiers/2",
        {"tier": "none", "means": "x", "when": ["good"]},
        "error",
        "tier 'none' is never",
    ),
    (
        "phases/first/tiers/2",
        {"tier": "none", "means": "x", "when": ["above"]},
        "warning",
        "no tier holds where good not met, fair not met, above not met",
    ),
    (
        "phases/first/criteria/better",
        {"metric": "auc", "arm": "new", "below": 0.5},
        "error",
        "'better' and 'good' can never both be met",
    ),
    ("phases/first/guards", {"second.holds": "caveat"}, "warning", "arms that are not in this phase: other"),
    ("phases/third/next", {"fail": "look"}, None, ""),
    ("phases/second/next", {"pass": "first"}, "error", "may go round for ever: first -> second -> first"),
    ("phases/lost", {"question": "?", "same_as": "look"}, "error", "nothing leads to 'lost'"),
    ("budget/runs", 5, "error", "5 runs cannot pay for 'first': its 2 arms need 6"),
    ("budget/seeds_per_arm", 2, "warning", "budget.seeds_per_arm is 2"),
    ("arms/new", {"lr": 2, "decay": 1}, None, ""),
    ("arms/new", {"lr": 1}, "warning", "compares 'new' and 'old', which have the same parameters"),
    ("phases/first/factor", [], "warning", "'new' and 'old' differ in lr too"),
    ("phases/first/tuned", "lrs", "warning", "'lrs' is set by no arm; did you mean 'lr'?"),
    ("phases/first/tuned", "step_size", None, ""),
]


@pytest.mark.parametrize(("path", "value", "severity", "what"), LOGIC)
def test_a_planted_fault_in_logic_is_reported(path: str, value: Any, severity: str | None, what: str) -> None:
    findings = check(planted(path, value))
    if severity is None:
        assert text_of(findings) == ""
    else:
        assert any(f.severity == severity and what in f.what for f in findings), text_of(findings)


def test_a_confound_is_an_error_where_it_makes_the_verdict_invalid() -> None:
    program = sound()
    program["phases"]["first"]["on_confound"] = "invalid"
    assert any(f.severity == "error" for f in check(planted("phases/first/factor", [], program)))


def test_a_phase_that_asks_for_what_no_phase_before_can_give_is_reported() -> None:
    program = sound()
    program["phases"]["second"]["asks_for"] = "confirmed"
    assert text_of(check(build(program))) == ""
    text = text_of(check(planted("phases/first/criteria/better/treatment", "point", program)))
    assert "asks for a confirmed verdict, and first can only give provisional ones" in text


def test_more_criteria_than_a_table_can_hold_are_a_warning() -> None:
    program = sound()
    first = program["phases"]["first"]
    names = [f"c{i}" for i in range(17)]
    first["criteria"] |= {
        n: {"metric": "loss", "arm": "new", "at": i, "above": 0} for i, n in enumerate(names)
    }
    first["cases"]["A"] = {"means": "x", "when": ["both", *names]}
    assert text_of(check(build(program))) == (
        "warning: phases.first.cases: more than 16 criteria: not checked to be exclusive and complete"
    )


def test_a_fault_that_is_inherited_is_reported_once() -> None:
    text = text_of(check(planted("phases/first/criteria/flat/metric", "none")))
    assert text.count("'none' is no metric") == 1


def test_criterion_and_phase_names_may_hold_dots() -> None:
    program = sound()
    second = program["phases"].pop("second")
    program["phases"]["v1.second"] = second
    second["criteria"]["at_0.5"] = {"metric": "auc", "arm": "new", "above": 0.5}
    first = program["phases"]["first"]
    first["next"]["A"] = "v1.second"
    first["claims"]["c"]["caveat_unless"] = ["v1.second.at_0.5"]
    built = build(program)
    assert text_of(check(built)) == ""
    assert resolve(built, "first", "v1.second.at_0.5") == ("v1.second", "at_0.5")
    assert resolve(built, "v1.second", "at_0.5") == ("v1.second", "at_0.5")
    assert resolve(built, "first", "at_0.5") is None


def test_a_reference_that_means_two_things_is_reported() -> None:
    program = sound()
    phases = program["phases"]
    phases["a"] = {**phases["look"], "criteria": {"b.c": phases["look"]["criteria"]["seen"]}, "gate": ["b.c"]}
    phases["a.b"] = {**phases["look"], "criteria": {"c": phases["look"]["criteria"]["seen"]}, "gate": ["c"]}
    phases["first"]["guards"] = {"a.b.c": "caveat"}
    assert "'a.b.c' may mean b.c of a or c of a.b" in text_of(check(build(program)))


# --- laws ------------------------------------------------------------------------------------------------


def paths_to_names(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a draft names something that is declared elsewhere."""
    names = {"gate", "arms", "when", "unless", "metric", "arm", "versus", "each_of", "any_arm", "best_first"}
    names |= {"all_of", "any_of", "opens", "expects", "supported", "diagnose", "decided_by", "runs_of", "of"}
    names |= {"spread_of", "caveat_unless", "revisit_when", "share", "same_as"}
    if isinstance(value, dict):
        return [p for key, v in value.items() for p in paths_to_names(v, (*path, key))]
    if isinstance(value, list):
        return [p for i, v in enumerate(value) for p in paths_to_names(v, (*path, i))]
    keys = [part for part in path if isinstance(part, str)]
    return [path] if path[0] != "arms" and keys[-1] in names and isinstance(value, str) else []


@settings(max_examples=a_fifth_of(120), deadline=None)
@given(data=st.data(), name=st.sampled_from(DRAFTS))
def test_a_renamed_reference_is_always_reported(data: st.DataObject, name: str) -> None:
    program = copy.deepcopy(raw(name))
    *keys, last = data.draw(st.sampled_from(paths_to_names(program)))
    holder: Any = program
    for key in keys:
        holder = holder[key]
    holder[last] = "zz_nowhere"
    with pytest.raises(ProgramError, match="zz_nowhere|is no arm of"):
        raise ProgramError(faults(build(program)))


@settings(max_examples=80, deadline=None)
@given(data=st.data(), name=st.sampled_from(DRAFTS))
def test_a_definition_that_is_removed_is_always_missed(data: st.DataObject, name: str) -> None:
    program = copy.deepcopy(raw(name))
    phase = program["phases"][
        data.draw(st.sampled_from([n for n, p in program["phases"].items() if "gate" in p]))
    ]
    criterion = phase["criteria"][phase["gate"][0]]
    kind = data.draw(st.sampled_from(["criterion", "metric", "arm"]))
    if kind == "criterion" or "metric" not in criterion:
        del phase["criteria"][phase["gate"][0]]
    elif kind == "metric":
        del program["metrics"][criterion["metric"]]
    else:
        del program["arms"][next(arm for arm in phase["arms"] if arm in program["arms"])]
    try:
        problems = faults(build(program))
    except ProgramError as error:
        problems = error.problems
    assert problems


@settings(max_examples=60, deadline=None)
@given(
    table=st.lists(
        st.lists(st.sampled_from([None, True, False]), min_size=3, max_size=3), min_size=1, max_size=5
    )
)
def test_the_table_check_agrees_with_trying_every_assignment(table: list[list[bool | None]]) -> None:
    program = sound()
    first = program["phases"]["first"]
    names = ["good", "better", "flat"]
    table = [row for row in table if any(cell is not None for cell in row)] or [[True, None, None]]
    first["cases"] = {
        f"r{i}": {
            "means": "x",
            "when": [n for n, cell in zip(names, row, strict=True) if cell is True],
            "unless": [n for n, cell in zip(names, row, strict=True) if cell is False],
        }
        for i, row in enumerate(table)
    }
    first |= {"next": {}, "prediction": {"outcome": "pass", "probability": 0.5}}
    first["triage"]["options"][0] |= {"opens": "second", "expects": ["holds"]}
    program["phases"]["second"].pop("supersedes")
    del program["hypotheses"]
    holding = [
        sum(all(c is None or c == bool(a >> i & 1) for i, c in enumerate(row)) for row in table)
        for a in range(8)
    ]
    text = text_of(check(build(program)))
    assert ("both hold" in text) == any(n > 1 for n in holding)
    assert ("no case holds" in text) == any(n == 0 for n in holding)
