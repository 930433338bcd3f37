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

from planner.criteria.answer import Judging
from planner.digests import stepped_metrics
from planner.gates import judge_phase
from planner.io.advancing import Request
from planner.io.dry_run import read_only_desk
from planner.io.home import open_program
from planner.io.yaml12 import read_yaml
from planner.policy import build_position
from planner.program import Program
from planner.runs import Run

from benchmarks.recorded.drawn import drawn_lines
from planner.evidence import Evidence
from planner.io.programs import program_names
from planner.paths import Home
from planner.records import Verdict


class Recorder:
    """Judges as the walk asks, and writes down what it was asked."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.asked: list[dict[str, Any]] = []

    def __call__(
        self,
        program: Program,
        phase: str,
        evidence: Evidence,
        judging: Judging,
        earlier: Mapping[str, Verdict],
        caveats: Sequence[str],
        post_hoc: bool,
    ) -> Verdict:
        for runs in evidence.looked_at.values():
            self.runs.update({run.id: run for run in runs})
        self.asked.append(
            {
                "program": program.program,
                "phase": phase,
                "fidelity": evidence.fidelity,
                "final": judging.final,
                "earlier": list(earlier),
                "caveats": list(caveats),
                "post_hoc": post_hoc,
                "arms": {arm: [run.id for run in runs] for arm, runs in evidence.looked_at.items()},
            }
        )
        return judge_phase(program, phase, evidence, judging, earlier, caveats, post_hoc)


def lines_of(home: Home, name: str) -> Iterator[dict[str, Any]]:
    """The program as its file has it, its runs, and what was judged of them; runs drawn where it has none."""
    program, recorder = open_program(home, name), Recorder()
    with read_only_desk(home, program, Request()) as desk:
        build_position(replace(desk.recall(), judge=recorder))
    yield {"program": read_yaml(home.program(name).read_bytes()).value}
    steps = frozenset().union(*(stepped_metrics(program, phase) for phase in program.phases))
    for run in recorder.runs.values():
        series = {metric: way for metric, way in run.series.items() if metric in steps}
        yield {
            "run": run.model_copy(update={"series": series}).model_dump(mode="json", exclude_defaults=True)
        }
    for asked in recorder.asked:
        yield {"judged": asked}
    yield from drawn_lines(program, list(dict.fromkeys(asked["phase"] for asked in recorder.asked)))


def main(folder: str) -> None:
    """Writes the file beside this one."""
    home = Home(Path(folder).resolve())
    found = [line for name in program_names(home.root) for line in lines_of(home, name)]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in found)
    packed = gzip.compress(text.encode(), mtime=0)
    (Path(__file__).parent / "evidence.jsonl.gz").write_bytes(packed)


if __name__ == "__main__":
    main(sys.argv[1])
