"""What a run costs beyond its experiment, here and in an earlier version: ``make bench-overhead``.

Two questions, each answered by ``cli.py advance`` in a fresh home. How much processor time does a
run take whose experiment does nothing: that of an advance of many such runs less that of one of a
few, so that the start counts for nothing. And how much faster are two runs side by side than one
after the other, for runs of three seconds, from the first one's start to the last one's end: that
needs two processors with nothing else to do. Versions take turns; the median of the repetitions
counts. Prints a table and writes ``results/overhead.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from benchmarks.judging import ROOT, revision
from benchmarks.soak import NO_PROBE, PROGRAM, make_home

RESULTS = Path(__file__).parent / "results" / "overhead.json"
FEW, MANY, SEEDS = 1, 12, 5
"""Phases of two arms each, and seeds of each arm."""
BUSY = """
    import time
    until = time.process_time() + 3.0
    while time.process_time() < until:
        pass
"""


def advanced(checkout: Path, home: Path, jobs: int) -> tuple[float, float]:
    """(processor seconds, seconds) of an advance of everything."""
    words = [str(checkout / "cli.py"), "--home", str(home), "advance", PROGRAM, "--all", "--jobs", str(jobs)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(checkout), "MLFLOW_DISABLE_TELEMETRY": "true"}
    before, began = _processor_seconds(), time.monotonic()
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment, cwd=checkout)
    return _processor_seconds() - before, time.monotonic() - began


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds_of_a_run(checkout: Path) -> float:
    """Processor seconds that one more run takes."""
    spent = {}
    for phases in (FEW, MANY):
        with tempfile.TemporaryDirectory() as folder:
            spent[phases], _ = advanced(checkout, _home(checkout, folder, phases), jobs=1)
    return (spent[MANY] - spent[FEW]) / ((MANY - FEW) * 2 * SEEDS)


def _home(checkout: Path, folder: str, phases: int) -> Path:
    """A home for a version; earlier ones do not know that a run may be made twice."""
    return make_home(Path(folder), phases, SEEDS, faults=0, more=NO_PROBE if checkout == ROOT else {})


def gain_of_two_jobs(checkout: Path) -> float:
    """Time of runs one after the other, over that of two side by side."""
    took = {}
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            home = _home(checkout, folder, FEW)
            module = home / "experiments" / f"{PROGRAM}.py"
            text = module.read_text()
            module.write_text(
                text.replace("def run(config, seed, log):\n", f"def run(config, seed, log):{BUSY}")
            )
            advanced(checkout, home, jobs)
            took[jobs] = seconds_of_all_runs(home)
    return took[1] / took[2]


def seconds_of_all_runs(home: Path) -> float:
    """From the first run's start to the last one's end, as MLflow has them."""
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as store:
        ((first, last),) = store.execute(
            "SELECT MIN(start_time), MAX(end_time) FROM runs"
            " JOIN tags USING (run_uuid) WHERE tags.key = 'planner.fingerprint'"
        )
    return float(last - first) / 1000


def measured(
    checkouts: Mapping[str, Path], repetitions: int, figure: Callable[[Path], float]
) -> dict[str, list[float]]:
    """Version -> a figure of each repetition, the versions in turn."""
    figures: dict[str, list[float]] = {name: [] for name in checkouts}
    for _ in range(repetitions):
        for name, checkout in checkouts.items():
            figures[name].append(round(figure(checkout), 4))
    return figures


def table(results: Mapping[str, Any]) -> Iterator[str]:
    """The results as lines of markdown."""
    yield "| version | processor s of a run | two jobs are faster by |"
    yield "|:--|--:|--:|"
    for name in results["run_seconds"]:
        run, gain = (statistics.median(results[key][name]) for key in ("run_seconds", "two_jobs"))
        yield f"| {name} | {run:.3f} | {gain:.2f} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the results."""
    parser = argparse.ArgumentParser(prog="benchmarks.overhead", description=__doc__)
    parser.add_argument("--base", help="a revision to compare with")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are written")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        checkouts = {"here": ROOT}
        if given.base:
            checkouts[given.base] = stack.enter_context(revision(given.base))
        results = {
            "run_seconds": measured(checkouts, given.repetitions, seconds_of_a_run),
            "two_jobs": measured(checkouts, given.repetitions, gain_of_two_jobs),
        }
    given.results.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(table(results)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
