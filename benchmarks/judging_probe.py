"""Judges recorded evidence with the planner of the folder it is started in, and says how long that takes.

``python judging_probe.py EVIDENCE`` answers each line on stdin with a line of JSON: ``seconds`` judges
everything once and gives seconds per program; ``verdicts`` gives a digest of each program's verdicts.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLACES = {
    "build": ("planner.language.program:build", "planner.program:build"),
    "Run": ("planner.records.runs:Run", "planner.runs:Run"),
    "build_evidence": ("planner.evidence.eligibility:build_evidence", "planner.counting:build_evidence"),
    "build_judging": ("planner.judging.verdict:build_test_design", "planner.gates:build_judging"),
    "judge_phase": ("planner.judging.verdict:judge_phase", "planner.gates:judge_phase"),
}
"""Name here -> where versions of the planner have it, the newest first."""


def located(places: Sequence[str]) -> Any:
    """The first of these places, each ``module:name``, that this planner has.

    Raises:
        LookupError: it has none of them.
    """
    for candidate in places:
        module, _, name = candidate.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise LookupError(f"this planner has none of {', '.join(places)}")


@dataclass(frozen=True)
class Planner:
    """What is called of the planner."""

    build: Any = field(default_factory=lambda: located(PLACES["build"]))
    run: Any = field(default_factory=lambda: located(PLACES["Run"]))
    build_evidence: Any = field(default_factory=lambda: located(PLACES["build_evidence"]))
    build_judging: Any = field(default_factory=lambda: located(PLACES["build_judging"]))
    judge_phase: Any = field(default_factory=lambda: located(PLACES["judge_phase"]))


@dataclass(frozen=True)
class Recorded:
    """Programs, the runs that were made for them, and how the walk had them judged."""

    programs: dict[str, Any]
    runs: dict[str, Any]
    judged: list[dict[str, Any]]


def read(path: Path, planner: Planner) -> Recorded:
    """What a file of recorded evidence holds."""
    lines: dict[str, list[Any]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            for kind, value in json.loads(line).items():
                lines[kind].append(value)
    programs = {raw["program"]: planner.build(raw) for raw in lines["program"]}
    return Recorded(programs, {run["id"]: planner.run(**run) for run in lines["run"]}, lines["judged"])


def judge_all(
    planner: Planner, recorded: Recorded, clock: Callable[[], float] = time.process_time
) -> Iterator[tuple[str, Any, float]]:
    """(program, verdict, processor seconds that judging it took), as the walk came to them."""
    verdicts: dict[str, dict[str, Any]] = defaultdict(dict)
    for judged in recorded.judged:
        name, phase, fidelity = judged["program"], judged["phase"], judged["fidelity"]
        program = recorded.programs[name]
        runs = {arm: [recorded.runs[i] for i in ids] for arm, ids in judged["arms"].items()}
        evidence = planner.build_evidence(program, phase, fidelity, runs, {})
        judging = planner.build_judging(program, phase, fidelity, judged["final"])
        earlier = {other: verdicts[name][other] for other in judged["earlier"]}
        began = clock()
        verdict = planner.judge_phase(
            program, phase, evidence, judging, earlier, judged["caveats"], judged["post_hoc"]
        )
        yield name, verdict, clock() - began
        verdicts[name][phase] = verdict


def seconds(planner: Planner, recorded: Recorded) -> dict[str, float]:
    """Program -> seconds that judging all of its evidence once takes."""
    spent: dict[str, float] = defaultdict(float)
    for name, _, each in judge_all(planner, recorded):
        spent[name] += each
    return dict(spent)


def digests(planner: Planner, recorded: Recorded) -> dict[str, str]:
    """Program -> a digest of all of its verdicts, byte for byte."""
    by_program = {name: hashlib.sha256() for name in recorded.programs}
    for name, verdict, _ in judge_all(planner, recorded):
        by_program[name].update(verdict.model_dump_json().encode())
    return {name: digest.hexdigest()[:16] for name, digest in by_program.items()}


def answer(questions: Iterable[str], path: Path) -> Iterator[str]:
    """One line of JSON for each question."""
    planner = Planner()
    recorded = read(path, planner)
    asks = {"seconds": seconds, "verdicts": digests}
    for question in questions:
        yield json.dumps(asks[question.strip()](planner, recorded))


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    for line in answer(sys.stdin, Path(sys.argv[1])):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
