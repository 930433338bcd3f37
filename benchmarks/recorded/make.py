"""Writes ``evidence.jsonl.gz`` anew from a home in which the programs were advanced.

``.venv/bin/python -m benchmarks.recorded.make HOME``
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.recorded.drawn import drawn_lines
from planner.criteria.test_design import TestDesign
from planner.deciding.walk import build_plan
from planner.engine.options import AdvanceOptions
from planner.evidence.digests import stepped_metrics
from planner.evidence.evidence import Evidence
from planner.io.commands.open_home import open_program
from planner.io.commands.situation import load_situation
from planner.io.programs.loader import program_names
from planner.io.programs.yaml_reader import read_yaml
from planner.judging.verdict import judge_phase
from planner.language.program import Program
from planner.paths import Home
from planner.records.runs import Run
from planner.records.verdict import Verdict


class Recorder:
    """Judges as the walk asks, and writes down what it was asked."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.judged: list[dict[str, Any]] = []

    def __call__(
        self,
        program: Program,
        phase: str,
        evidence: Evidence,
        design: TestDesign,
        earlier: Mapping[str, Verdict],
        caveats: Sequence[str],
        post_hoc: bool,
    ) -> Verdict:
        for runs in evidence.looked_at.values():
            self.runs.update({run.id: run for run in runs})
        self.judged.append(
            {
                "program": program.program,
                "phase": phase,
                "fidelity": evidence.fidelity,
                "final": design.final,
                "earlier": list(earlier),
                "caveats": list(caveats),
                "post_hoc": post_hoc,
                "arms": {arm: [run.id for run in runs] for arm, runs in evidence.looked_at.items()},
            }
        )
        return judge_phase(program, phase, evidence, design, earlier, caveats, post_hoc)


def lines_of(home: Home, name: str) -> Iterator[dict[str, Any]]:
    """The program as its file has it, its runs, and what was judged of them; runs drawn where it has none."""
    program, recorder = open_program(home, name), Recorder()
    situation = load_situation(home, program, AdvanceOptions())
    build_plan(replace(situation.state, judge=recorder))
    yield {"program": read_yaml(home.program(name).read_bytes()).value}
    steps = frozenset().union(*(stepped_metrics(program, phase) for phase in program.phases))
    for run in recorder.runs.values():
        series = {metric: values for metric, values in run.series.items() if metric in steps}
        yield {
            "run": run.model_copy(update={"series": series}).model_dump(mode="json", exclude_defaults=True)
        }
    for judged in recorder.judged:
        yield {"judged": judged}
    yield from drawn_lines(program, list(dict.fromkeys(judged["phase"] for judged in recorder.judged)))


def main(folder: str) -> None:
    """Writes the file beside this one."""
    home = Home(Path(folder).resolve())
    lines = [line for name in program_names(home.root) for line in lines_of(home, name)]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    packed = gzip.compress(text.encode(), mtime=0)
    (Path(__file__).parent / "evidence.jsonl.gz").write_bytes(packed)


if __name__ == "__main__":
    main(sys.argv[1])
