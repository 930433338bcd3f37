"""Two thousand runs, every tenth of which kills its worker: what a long campaign costs. ``make soak``.

A generated program of chained phases is advanced twice by the real command line, once without faults and once
with runs that segfault, abort, leave with a code or are killed on their first try. Exits with 1 where the
verdicts differ, a run is lost, the planner grows, or a process is left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "soak"
NO_PROBE = {"probe": "off"}
"""Every run is counted, and none is made twice."""
GROWTH = 1.2
SAMPLE_SECONDS = 0.25

EXPERIMENT = '''
"""Measures in milliseconds; some runs end their process the first time that they are tried."""
import ctypes
import hashlib
import os
import pathlib
import random
import signal

from experiments.contract import Config as BaseConfig
from experiments.contract import Data

PRESETS = {}
WAYS = [
    lambda: ctypes.string_at(0),
    os.abort,
    lambda: os._exit(3),
    *[lambda: os.kill(os.getpid(), signal.SIGKILL)] * 3,
]


class Config(BaseConfig):
    phase: int = 0
    shift: float = 0.0


def describe(config):
    return Data(name="made up", digest="made-up", sizes={"train": 2})


def run(config, seed, log):
    name = f"{config.phase}-{config.shift}-{seed}"
    drawn = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    log.metric("score", 0.0, 0)
    tried = pathlib.Path("tried") / name
    if drawn % 1000 < FAULTS and not tried.exists():
        tried.parent.mkdir(exist_ok=True)
        tried.touch()
        WAYS[drawn // 1000 % len(WAYS)]()
    score = config.shift + random.Random(name).gauss(0.0, 0.1)
    for step in range(1, 4):
        log.metric("score", score, step)
    with open("measured", "a") as file:
        file.write(name + "\\n")
'''


def program_text(phases: int, seeds: int, more: Mapping[str, Any]) -> str:
    """A chain of phases of two arms each, which no other phase shares; ``more``: keys of the program."""
    arms: dict[str, Any] = {}
    chain: dict[str, Any] = {}
    for k in range(1, phases + 1):
        arms |= {f"base_{k}": {"phase": k, "shift": 0.0}, f"new_{k}": {"phase": k, "shift": 1.0}}
        follows = f"phase_{k + 1}" if k < phases else "stop"
        higher = {"metric": "score", "arm": f"new_{k}", "versus": f"base_{k}", "better_by": 0.5}
        chain[f"phase_{k}"] = {
            "question": f"Is it higher at {k}?",
            "arms": [f"base_{k}", f"new_{k}"],
            "factor": "shift",
            "seeds": seeds,
            "criteria": {"higher": higher},
            "gate": ["higher"],
            "next": dict.fromkeys(("pass", "fail", "inconclusive", "invalid"), follows),
        }
    program = {
        "program": PROGRAM,
        "question": "Does a long campaign end as a short one does?",
        "experiment": PROGRAM,
        "metrics": {"score": {"unit": "points", "better": "higher"}},
        "arms": arms,
        "phases": chain,
        "budget": {"seeds_per_arm": seeds},
        **more,
    }
    return json.dumps(program, indent=1)  # JSON is YAML


def make_home(folder: Path, phases: int, seeds: int, faults: int, more: Mapping[str, Any] = NO_PROBE) -> Path:
    """A home with the generated program; ``faults``: runs in a thousand that end their worker.

    Args:
        more: keys of the program besides.
    """
    (folder / "knowledge" / "programs").mkdir(parents=True)
    (folder / "experiments").mkdir()
    (folder / "knowledge" / "programs" / f"{PROGRAM}.yaml").write_text(program_text(phases, seeds, more))
    text = EXPERIMENT.lstrip().replace("FAULTS", str(faults))
    (folder / "experiments" / f"{PROGRAM}.py").write_text(text)
    return folder


@dataclass
class Watched:
    """One advance, seen from outside.

    Attributes:
        samples: (resident bytes, open files, threads) of the planner, in order.
        workers: how many worker processes there were.
    """

    code: int = 0
    seconds: float = 0.0
    samples: list[tuple[int, int, int]] = field(default_factory=list)
    workers: set[int] = field(default_factory=set)
    left: list[int] = field(default_factory=list)

    def grew(self, what: int) -> float:
        """The median of the last quarter as a multiple of that of the second."""
        seen = [sample[what] for sample in self.samples]
        quarter = max(1, len(seen) // 4)
        return statistics.median(seen[-quarter:]) / statistics.median(seen[quarter : 2 * quarter])


def advance(home: Path, jobs: int) -> Watched:
    """Advances the program until it is done, and watches the planner meanwhile."""
    words = [sys.executable, str(ROOT / "cli.py"), "--home", str(home)]
    words += ["advance", PROGRAM, "--all", "--jobs", str(jobs)]
    watched, begun = Watched(), time.monotonic()
    with (home / "said").open("wb") as said:
        planner = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment()
        )
        try:
            _watch(planner, watched)
        finally:
            if planner.poll() is None:
                planner.send_signal(signal.SIGTERM)
            watched.code = planner.wait()
    watched.seconds = time.monotonic() - begun
    watched.left = [pid for pid in watched.workers if _is_worker(pid)]
    return watched


def _watch(planner: subprocess.Popen[bytes], watched: Watched) -> None:
    seen = psutil.Process(planner.pid)
    while planner.poll() is None:
        with suppress(psutil.Error):
            watched.workers |= {child.pid for child in seen.children()}
            watched.samples.append((seen.memory_info().rss, seen.num_fds(), seen.num_threads()))
        time.sleep(SAMPLE_SECONDS)


def _is_worker(pid: int) -> bool:
    with suppress(psutil.Error):
        return "experiments.worker" in psutil.Process(pid).cmdline()
    return False


def environment() -> dict[str, str]:
    """This environment without what would lead the command to another home or store."""
    led_by = ("PHASEGATE_HOME", "MLFLOW_TRACKING_URI")
    return {k: v for k, v in os.environ.items() if k not in led_by}


def outcomes(home: Path) -> Counter[str]:
    """How the runs in MLflow ended."""
    query = "SELECT value FROM tags WHERE key = 'planner.outcome' AND run_uuid IN " + (
        "(SELECT run_uuid FROM tags WHERE key = 'planner.kind' AND value = 'run')"
    )
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
        return Counter(value for (value,) in db.execute(query))


def verdicts(home: Path) -> list[Any]:
    """What was concluded of each phase and from which values, without run ids and times."""
    with closing(sqlite3.connect(home / "mlruns" / "journal.db")) as db:
        rows = db.execute("SELECT body FROM records WHERE kind = 'verdict' ORDER BY position").fetchall()
    by_phase = {}
    for body in (json.loads(text) for (text,) in rows):
        values = [[row["arm"], row["metric"], row["estimate"]["values"]] for row in body["table"]]
        criteria = [[c["id"], c["outcome"], c["observed"], c["interval"]] for c in body["criteria"]]
        facts = [body[key] for key in ("outcome", "confidence", "cause", "caveats", "guards", "seeds")]
        by_phase[body["phase"]] = [body["phase"], facts, criteria, values]
    return list(by_phase.values())


def faults_in(calm: Path, stormy: Path, storm: Watched, runs: int) -> list[str]:
    """Everything that is not as promised, in words."""
    made = Counter((stormy / "measured").read_text().split())
    checks = {
        "advance did not end well": storm.code != 0,
        "verdicts differ from those without faults": verdicts(calm) != verdicts(stormy),
        f"{len(made)} of {runs} runs were measured": len(made) != runs,
        f"{made.total() - len(made)} runs were measured twice": made.total() != len(made),
        f"MLflow holds {outcomes(stormy)['ok']} good runs of {runs}": outcomes(stormy)["ok"] != runs,
        f"the planner's memory grew to {storm.grew(0):.2f} times": storm.grew(0) > GROWTH,
        f"its open files grew to {storm.grew(1):.2f} times": storm.grew(1) > GROWTH,
        f"its threads grew to {storm.grew(2):.2f} times": storm.grew(2) > GROWTH,
        f"{len(storm.left)} workers are left": bool(storm.left),
    }
    return [text for text, wrong in checks.items() if wrong]


def soak(folder: Path, phases: int, seeds: int, jobs: int, faults: int) -> tuple[dict[str, Any], list[str]]:
    """Both campaigns: the figures, and what is not as promised."""
    runs = phases * seeds * 2
    calm, stormy = (make_home(folder / n, phases, seeds, f) for n, f in (("calm", 0), ("stormy", faults)))
    quiet, storm = advance(calm, jobs), advance(stormy, jobs)
    quarter = len(storm.samples) // 4
    figures = {
        "runs": runs,
        "phases": phases,
        "jobs": jobs,
        "outcomes": dict(outcomes(stormy)),
        "workers": len(storm.workers),
        "seconds": {"without faults": round(quiet.seconds, 1), "with faults": round(storm.seconds, 1)},
        "runs per second": {
            "without faults": round(runs / quiet.seconds, 1),
            "with faults": round(runs / storm.seconds, 1),
        },
        "planner's memory, MB": [
            round(statistics.median(s[0] for s in storm.samples[q * quarter : (q + 1) * quarter or 1]) / 1e6)
            for q in range(4)
        ],
        "grew": {name: round(storm.grew(i), 3) for i, name in enumerate(("memory", "open files", "threads"))},
    }
    return figures, faults_in(calm, stormy, storm, runs)


def main(words: Sequence[str] | None = None) -> int:
    """Runs the soak and prints its figures as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak")
    parser.add_argument("--phases", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=50, help="of each of the two arms of a phase")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--faults", type=int, default=100, help="runs in a thousand that end their worker")
    parser.add_argument("--folder", type=Path, help="keep the homes here; default: a temporary folder")
    given = parser.parse_args(words)
    sizes = given.phases, given.seeds, given.jobs, given.faults
    if given.folder is not None:
        figures, wrong = soak(given.folder, *sizes)
    else:
        with tempfile.TemporaryDirectory() as folder:
            figures, wrong = soak(Path(folder), *sizes)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    sys.stderr.write("".join(f"{text}\n" for text in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
