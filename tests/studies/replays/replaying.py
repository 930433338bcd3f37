"""Programs fed with figures: the documents' own, or others in their shape."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

from planner.deciding.situation import Plan, Step
from planner.errors import ProgramError
from planner.explaining.in_text import as_text
from planner.explaining.trace import Trace, trace_of
from planner.io.programs.loader import load_program
from planner.language.program import Program
from planner.lineage.staleness import build_validity
from planner.memo.render import render_memo
from planner.records.person import Override
from tests.support.reference_figures import as_run, load_draft, load_figures
from tests.support.worlds import stand

SHIPPED = Path(__file__).parents[3] / "knowledge" / "programs"
PROGRAMS = ["credit_linesearch", "ep_contraction", "contrastive_retrieval", "span_multitask", "gated_ctr"]

JUDGED = [
    ("credit_linesearch", "phase_6a"),
    ("credit_linesearch", "samebatch"),
    ("ep_contraction", "fact_check"),
    ("contrastive_retrieval", "phase1"),
    ("contrastive_retrieval", "projection_test"),
    ("span_multitask", "countdown_normalization"),
    ("gated_ctr", "regularization"),
]
"""The phases that the documents' figures reach."""

Raw = dict[str, Any]
"""A run as a reference file writes it."""
Figures = dict[str, list[Raw]]
"""Phase -> its runs."""


@cache
def program_of(name: str) -> Program:
    """The program that ships; its draft where none ships that loads."""
    try:
        return load_program(SHIPPED / f"{name}.yaml")
    except (ProgramError, OSError):
        return load_draft(name)


def figures_of(name: str) -> Figures:
    """The document's runs by phase, free to be changed."""
    return {
        phase: copy.deepcopy(recorded["runs"]) for phase, recorded in load_figures(name)["phases"].items()
    }


def raw_run(figures: Figures, phase: str, arm: str, seed: int | None = None) -> Raw:
    """That run; an empty one is added where there is none."""
    runs = figures.setdefault(phase, [])
    for run in runs:
        if run["arm"] == arm and seed in (None, run["seed"]):
            return run
    common = runs[0]["seed"] if runs and seed is None else seed or 0
    runs.append({"arm": arm, "seed": common, "params": {}, "metrics": {}})
    return runs[-1]


def seeds_of(figures: Figures, phase: str, seeds: int, noise: float = 1e-4) -> None:
    """Gives every arm of a phase that many seeds: its figures with a little noise."""
    for number, run in enumerate(list(figures[phase])):
        for seed in range(seeds):
            twin = copy.deepcopy(run) if seed else run
            twin["seed"] = seed
            shift = noise * ((7 * seed + 3 * number) % 5 - 2)
            twin["metrics"] = {k: v + shift if isinstance(v, float) else v for k, v in run["metrics"].items()}
            if seed:
                figures[phase].append(twin)


def replay(name: str, figures: Figures, overrides: tuple[Override, ...] = ()) -> Plan:
    """Where the program stands, given these figures and nothing that could be run."""
    runs = [as_run(raw, phase) for phase, raws in figures.items() for raw in raws]
    return stand(program_of(name), runs, no_run=True, overrides=overrides)


@cache
def document(name: str) -> Plan:
    """Where the program stands on the document's own figures."""
    return replay(name, figures_of(name))


def step_of(plan: Plan, phase: str) -> Step:
    """The verdict and decision of a phase that was judged."""
    return next(step for step in plan.steps if step.verdict.phase == phase)


def traced(name: str, plan: Plan, phase: str) -> Trace:
    """What ``explain`` and the memo of a phase are rendered from."""
    program, step = program_of(name), step_of(plan, phase)
    validity = build_validity(program, plan.verdicts)
    return trace_of(
        program=program,
        phase=phase,
        verdict=step.verdict,
        decision=step.decision,
        verdicts=plan.verdicts,
        overrides=(),
        validity=validity,
    )


def memo_of(name: str, plan: Plan, phase: str) -> str:
    """The memo of a phase."""
    return render_memo(traced(name, plan, phase))


def section(memo: str, heading: str) -> str:
    """What stands below a heading of a memo."""
    return memo.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def said(name: str, plan: Plan, phase: str) -> str:
    """Everything that memo and ``explain`` say of a phase."""
    trace = traced(name, plan, phase)
    return "\n".join([render_memo(trace), as_text(trace, full=True)])


def line_of(text: str, part: str) -> str:
    """The one line of a text that holds a part."""
    (matching,) = [line for line in text.splitlines() if part in line]
    return matching


def table_of(text: str) -> list[dict[str, str]]:
    """The rows of the first table in a text: head -> cell."""
    lines = [line for line in text.split("\n\n") if line.strip().startswith("|")]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in lines[0].strip().splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]
