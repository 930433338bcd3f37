"""How long judging takes, here and in an earlier version. ``make bench-judge``, with ``BASE=REVISION``.

Judges what ``recorded/`` holds: runs of every phase of the five programs. Each version answers from a process
of its own, in alternation; what counts is processor time, so that other processes matter little. Prints a
table and writes ``benchmarks/results/judging.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Protocol

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = Path(__file__).parent / "recorded" / "evidence.jsonl.gz"
PROBE = Path(__file__).parent / "judging_probe.py"
RESULTS = Path(__file__).parent / "results" / "judging.json"
REPETITIONS = 7
TOTAL = "all"

Seconds = dict[str, float]
"""Program -> seconds; ``all`` for their sum."""


class Probe(Protocol):
    """A version of the planner that judges when asked."""

    def ask(self, question: str) -> dict[str, Any]: ...


class ProcessProbe:
    """A version in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._to: IO[str] = process.stdin  # type: ignore[assignment]
        self._of: IO[str] = process.stdout  # type: ignore[assignment]

    def ask(self, question: str) -> dict[str, Any]:
        """The answer to one question; see :mod:`benchmarks.judging_probe`."""
        self._to.write(question + "\n")
        self._to.flush()
        return dict(json.loads(self._of.readline()))


@contextmanager
def probing(checkout: Path, evidence: Path = EVIDENCE) -> Iterator[ProcessProbe]:
    """The version that a folder holds, as long as it is needed."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, str(PROBE), str(evidence)]
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield ProcessProbe(process)
        process.stdin.close()  # type: ignore[union-attr]


@contextmanager
def revision(base: str) -> Iterator[Path]:
    """The files of a revision in a temporary folder."""
    packed = subprocess.run(["git", "archive", base], cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
        yield Path(folder)


def measured(probes: Mapping[str, Probe], repetitions: int) -> dict[str, list[Seconds]]:
    """Version -> what each repetition took; the versions take turns, and a first turn does not count."""
    timings: dict[str, list[Seconds]] = {name: [] for name in probes}
    for repetition in range(repetitions + 1):
        for name, probe in probes.items():
            spent = probe.ask("seconds")
            if repetition:
                timings[name].append({**spent, TOTAL: sum(spent.values())})
    return timings


def row(program: str, timings: Mapping[str, Sequence[Seconds]]) -> dict[str, Any]:
    """One program's seconds by version, and how many times faster the first version is than the last."""
    by_version = {name: [spent[program] for spent in each] for name, each in timings.items()}
    medians = [statistics.median(each) for each in by_version.values()]
    figures = {
        name: {"min": min(each), "median": statistics.median(each), "max": max(each)}
        for name, each in by_version.items()
    }
    return {"program": program, **figures, "times_faster": medians[-1] / medians[0]}


def results_of(probes: Mapping[str, Probe], repetitions: int) -> dict[str, Any]:
    """Everything that is told."""
    timings = measured(probes, repetitions)
    programs = list(next(iter(timings.values()))[0])
    verdicts = [probe.ask("verdicts") for probe in probes.values()]
    return {
        "repetitions": repetitions,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "same_verdicts": all(each == verdicts[0] for each in verdicts),
        "programs": [row(program, timings) for program in programs],
    }


def table(results: Mapping[str, Any]) -> Iterator[str]:
    """A line per program: the median of each version and its range, in seconds."""
    versions = [k for k in results["programs"][0] if k not in ("program", "times_faster")]
    heads = "".join(f"{name:>30}" for name in versions)
    yield f"{'seconds of judging':<24}{heads}" + (f"{'times faster':>14}" if len(versions) > 1 else "")
    for each in results["programs"]:
        cells = "".join(f"{_cell(each[name]):>30}" for name in versions)
        faster = f"{each['times_faster']:>14.2f}" if len(versions) > 1 else ""
        yield f"{each['program']:<24}{cells}{faster}"
    if len(versions) > 1:
        yield "verdicts: " + ("the same, byte for byte" if results["same_verdicts"] else "NOT the same")


def _cell(figures: Mapping[str, float]) -> str:
    return f"{figures['median']:.3f} ({figures['min']:.3f} to {figures['max']:.3f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, writes; 1 where two versions judge otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--base", help="an earlier revision of this one")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folders = {"here": ROOT}
        if options.base:
            folders[options.base] = stack.enter_context(revision(options.base))
        elif options.against:
            folders["before"] = options.against
        probes = {name: stack.enter_context(probing(folder)) for name, folder in folders.items()}
        results = results_of(probes, options.repetitions)
    sys.stdout.write("\n".join(table(results)) + "\n")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0 if results["same_verdicts"] else 1


if __name__ == "__main__":
    sys.exit(main())
