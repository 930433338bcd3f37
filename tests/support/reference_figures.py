"""The documents' own figures as evidence (``tests/reference/*.json``; see their ``source``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from planner.evidence.evidence import Evidence
from planner.io.programs.loader import load_program
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.records.runs import Run
from planner.records.verdict import Verdict

HERE = Path(__file__).parents[1]


def load_figures(name: str) -> dict[str, Any]:
    """A reference file."""
    figures: dict[str, Any] = json.loads((HERE / "reference" / f"{name}.json").read_text(encoding="utf-8"))
    return figures


def load_draft(name: str) -> Program:
    """The program as the language's design drafted it."""
    return load_program(HERE / "programs" / f"{name}.yaml")


def reference_evidence(name: str, phase: str, runs_of: str | None = None) -> Evidence:
    """The document's runs of a phase, one for each arm."""
    program, runs = load_draft(name), {}
    for raw in load_figures(name)["phases"][runs_of or phase]["runs"]:
        runs[raw["arm"]] = {raw["seed"]: as_run(raw, runs_of or phase)}
    arms = program.phases[phase].arms
    kept = {arm: by_seed for arm, by_seed in runs.items() if arm in arms}
    return Evidence(phase, "standard", kept, {}, {arm: program.params(phase, arm) for arm in arms})


def as_run(raw: dict[str, Any], phase: str) -> Run:
    """A run of a reference file, as MLflow would give it back."""
    slow = raw.get("status") == "killed_for_slowdown"
    return Run(
        id=f"{phase}-{raw['arm']}-{raw['seed']}",
        phase=phase,
        arm=raw["arm"],
        seed=raw["seed"],
        outcome="slowdown" if slow else "ok",
        params={k: str(v) for k, v in raw["params"].items()},
        metrics={**{k: v[-1][1] for k, v in raw.get("series", {}).items()}, **raw["metrics"]},
        series={k: tuple((s, v) for s, v in steps) for k, steps in raw.get("series", {}).items()},
        data_digest=raw.get("data_digest"),
    )


def reference_verdict(name: str, phase: str, runs_of: str | None = None) -> Verdict:
    """What the planner concludes from a document's figures."""
    program = load_draft(name)
    design = build_test_design(program, phase, "standard", final=True)
    return judge_phase(program, phase, reference_evidence(name, phase, runs_of), design)
