"""The phase graph: where answers lead, what is wrong with it, what rests on what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from planner.io.programs.loader import load_program
from planner.language.program import OUTCOMES, Program, build
from planner.language.transitions import edges, openers, targets
from planner.phase_graph.graph import build_graph, build_layers, graph_faults, rests_on

PROGRAMS = Path(__file__).parents[1] / "programs"
DRAFTS = sorted(p.stem for p in PROGRAMS.glob("*.yaml"))
BODY = {
    "question": "?",
    "arms": ["a"],
    "criteria": {"c": {"metric": "m", "arm": "a", "above": 0}},
    "gate": ["c"],
}


def draft(name: str) -> Program:
    return load_program(PROGRAMS / f"{name}.yaml")


def program(**phases: dict[str, Any]) -> Program:
    return build(
        {
            "program": "p",
            "question": "?",
            "command": ["x"],
            "metrics": {"m": {"unit": "x", "better": "higher"}},
            "arms": {"a": {}},
            "phases": {name: {**BODY, **phase} for name, phase in phases.items()},
        }
    )


def triage(*opens: str, **more: Any) -> dict[str, Any]:
    options = [{"option": f"to_{name}", "rationale": "r", "opens": name} for name in opens]
    return {"options": options, **more}


def faults_text(program: Program) -> str:
    return "\n".join(f"{path}: {what}" for path, what in graph_faults(program))


def named_targets(program: Program, phase: str) -> dict[str, str]:
    return {str(transition): target for transition, target in targets(program, phase).items()}


# --- where answers lead ----------------------------------------------------------------------------------


def test_without_an_entry_a_pass_stops_and_all_else_goes_to_triage() -> None:
    rules = named_targets(program(p={"triage": triage("q")}, q={}), "p")
    assert rules["default.pass"] == "stop"
    assert {rules[f"default.{o}"] for o in ("fail", "inconclusive", "blocked")} == {"triage"}
    assert rules["default.invalid"] == "wait"
    assert rules["triage.to_q"] == "q"


def test_without_an_entry_and_without_triage_every_answer_stops_but_what_is_invalid_waits() -> None:
    rules = named_targets(program(p={}), "p")
    assert {rule for rule, target in rules.items() if target != "stop"} == {"default.invalid"}
    assert rules["default.invalid"] == "wait"


def test_without_an_entry_a_phase_that_triage_opened_leads_back() -> None:
    rules = named_targets(program(p={"triage": triage("q")}, q={}), "q")
    assert set(rules.values()) == {"back"}


def test_a_phase_that_is_opened_plainly_and_by_triage_has_both_defaults() -> None:
    rules = named_targets(
        program(p={"triage": triage("q"), "next": {"pass": "q"}}, q={"next": {"fail": "stop"}}), "q"
    )
    assert rules["back.pass"] == "back"
    assert rules["default.pass"] == "stop"
    assert "back.fail" not in rules and rules["next.fail"] == "stop"


def test_a_diagnosis_leads_back_to_the_triage_that_wanted_it() -> None:
    contrastive = draft("contrastive_retrieval")
    assert openers(contrastive, "projection_test") == ["phase1"]
    assert named_targets(contrastive, "phase1")["diagnose"] == "projection_test"
    assert set(targets(contrastive, "projection_test").values()) == {"back"}


def test_written_answers_come_as_they_are_written() -> None:
    rules = named_targets(draft("credit_linesearch"), "samebatch")
    assert {k: v for k, v in rules.items() if k.startswith("next.")} == {
        "next.A": "stop",
        "next.B": "stop",
        "next.C": "regularized",
        "next.D": "snapshot_age",
    }


def test_defaults_are_drawn_only_where_a_plain_pass_or_fail_takes_them() -> None:
    drawn = {(e.source, e.target): e.answers for e in edges(draft("credit_linesearch"))}
    assert drawn["regularized", "stop"] == ("pass", "fail")
    assert drawn["samebatch", "stop"] == ("A", "B")
    assert ("snapshot_age", "wait") not in drawn


# --- the graph -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAFTS)
def test_the_drafts_have_no_fault_in_their_graph(name: str) -> None:
    assert graph_faults(draft(name)) == []


def test_edges_carry_the_rule_that_leads_along_them() -> None:
    graph = build_graph(draft("contrastive_retrieval"))
    rules = {(a, b, str(data["rule"])) for a, b, data in graph.edges(data=True)}
    assert ("phase1", "phase2", "next.pass") in rules
    assert ("phase1", "raw_infonce", "triage.raw_infonce") in rules
    assert ("phase1", "projection_test", "diagnose") in rules
    assert ("raw_infonce", "phase1", "next.fail") in rules
    assert ("projection_test", "phase1", "back.pass") in rules
    assert ("phase1", "stop", "exhausted") in rules
    assert ("preflight", "wait", "next.fail") in rules


def test_a_phase_to_which_nothing_leads_is_reported() -> None:
    assert (
        faults_text(program(p={}, q={})) == "('phases', 'q'): nothing leads to 'q' from the first phase, 'p'"
    )


def test_a_phase_from_which_nothing_stops_is_reported() -> None:
    transitions = dict.fromkeys(OUTCOMES, "q")
    back = dict.fromkeys(OUTCOMES, "p")
    assert "no way leads from 'p' to stop or wait" in faults_text(
        program(p={"next": transitions}, q={"next": back})
    )


def test_a_circle_of_plain_answers_is_reported() -> None:
    text = faults_text(program(p={"next": {"pass": "q"}}, q={"next": {"fail": "p"}}))
    assert "may go round for ever: p -> q -> p" in text
    assert "p -> p" in faults_text(program(p={"next": {"fail": "p"}}))


def test_a_circle_through_triage_ends_with_its_tries() -> None:
    assert faults_text(program(p={"triage": triage("q")}, q={"next": {"pass": "p", "fail": "back"}})) == ""
    assert faults_text(program(p={"triage": triage("p")})) == ""


def test_layers_put_each_phase_behind_those_that_lead_to_it() -> None:
    assert build_layers(draft("credit_linesearch")) == [
        ["phase_6a"],
        ["samebatch"],
        ["snapshot_age"],
        ["regularized"],
    ]
    circle = program(p={"next": {"pass": "q"}}, q={"next": {"fail": "p", "pass": "r"}}, r={})
    assert build_layers(circle) == [["p"], ["q"], ["r"]]


# --- what rests on what ----------------------------------------------------------------------------------


def test_a_phase_rests_on_what_opens_it_lends_it_runs_or_is_replaced_by_it() -> None:
    credit, contrastive = rests_on(draft("credit_linesearch")), rests_on(draft("contrastive_retrieval"))
    assert set(credit["samebatch"]["phase_6a"]["why"]) == {
        "opened by next.B",
        "opened by next.inconclusive",
        "supersedes",
    }
    assert contrastive["projection_test"]["phase1"]["why"] == ("opened by diagnose", "runs_of")
    assert set(contrastive["phase2"]) >= {"phase1", "raw_infonce"}


def test_a_phase_rests_on_the_criteria_of_others_but_not_on_what_options_wait_for() -> None:
    built = program(
        p={
            "next": {"pass": "q"},
            "triage": {"options": [{**triage("r")["options"][0], "revisit_when": ["r.c"]}]},
        },
        q={"gate": ["c", "p.c"]},
        r={},
    )
    graph = rests_on(built)
    assert "criterion c" in graph["q"]["p"]["why"]
    assert not graph.has_edge("p", "r")
    assert graph.has_edge("r", "p")
