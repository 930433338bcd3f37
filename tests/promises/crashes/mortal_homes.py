"""A home whose runs, workers and planner can be killed, and the command line on it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psutil

from tests.support.small_homes import ROOT, clean_environment, copy_home, make_home
from tests.support.warm import Script

DYING = Path(__file__).with_name("dying.py")
PROGRAM = "mortal"
PATIENCE = 300.0

EXPERIMENT = '''
"""Measures in no time, keeps account of when it ran, and can end its process or the one that started it.

DIES is "WHO WHERE SHIFT SEED": who (planner, worker, both) is killed where, once, in which run.
"""
import contextlib
import os
import pathlib
import random
import signal
import sqlite3
import time

import psutil

from experiments.workers import run_process
from experiments.contract import Config as BaseConfig
from experiments.contract import Data

PRESETS = {}


class Config(BaseConfig):
    shift: float = 0.0
    naps: float = 0.0


def describe(config):
    return Data(name="made up", digest="made-up", sizes={"train": 2})


def note(name, config, seed):
    with open(name, "a") as file:
        file.write(f"{config.shift}/{seed}\\n")


def wait_until_noted(folder):
    """Until the planner has written down that the run began."""
    address = f"file:{pathlib.Path('mlruns/journal.db').resolve()}?mode=ro"
    noted = None
    while noted is None:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as db:
            query = "SELECT 1 FROM work WHERE state = 'started' AND folder = ?"
            noted = db.execute(query, (str(folder),)).fetchone()
        time.sleep(0.01)


def kill(who):
    worker = os.getppid()
    planner = psutil.Process(worker).ppid()
    for process in {"planner": [planner], "worker": [worker], "both": [planner, worker]}[who]:
        os.kill(process, signal.SIGKILL)
    if who != "planner":
        os.kill(os.getpid(), signal.SIGKILL)


def dies(where, config, seed, folder, first=lambda: None):
    who, place, shift, at = (os.environ.get("DIES") or "- - 0 0").split()
    marker = pathlib.Path("died")
    if (place, float(shift), int(at)) == (where, config.shift, seed) and not marker.exists():
        if who != "planner":
            first()
        marker.touch()
        if where != "began":
            wait_until_noted(folder)
        kill(who)


def run(config, seed, log):
    note("begun", config, seed)
    dies("began", config, seed, log.folder)
    noise = random.Random(f"{seed} {config.shift}").gauss(0.0, 0.05)
    for step in range(4):
        log.metric("score", config.shift + noise / (step + 1), step)
        time.sleep(config.naps * random.random() / 2)
    dies("half", config, seed, log.folder, lambda: log._file.write('["loss", 0, 0.'))
    log.metric("loss", 1.0 - config.shift, 0)
    log.artifact("note.txt").write_text("measured")
    note("measured", config, seed)
    dies("measured", config, seed, log.folder)
    kept = run_process.write_result

    def write_result(folder, result):
        kept(folder, result)
        run_process.write_result = kept
        dies("result", config, seed, folder)

    run_process.write_result = write_result
'''

PHASES = f"""
program: {PROGRAM}
question: Is a larger shift better?
experiment: {PROGRAM}
metrics:
  score: {{unit: points, better: higher}}
  loss: {{unit: nats, better: lower}}
arms:
  base: {{shift: 0.0}}
  worse: {{shift: -1.0}}
  bad: {{shift: -2.0}}
  better: {{shift: 1.0}}
phases:
  first:
    question: Does the first guess raise the score?
    arms: [base, worse]
    factor: shift
    seeds: 2
    criteria:
      higher: {{metric: score, arm: worse, versus: base, better_by: 0.2}}
    gate: [higher]
    claims:
      shift_helps: {{says: A shift raises the score., supported: [higher]}}
    triage:
      options:
        - {{option: turn_round, rationale: The other way., opens: second, expects: [higher]}}
        - {{option: costly, rationale: It may help., opens: third, needs_person: to_approve}}
  second:
    question: Does twice as much raise it?
    same_as: first
    swap: {{worse: bad}}
  third:
    question: Does a shift the other way raise it?
    same_as: first
    swap: {{worse: better}}
    next: {{pass: stop, fail: stop}}
budget: {{seeds_per_arm: 2, retries: 9}}
"""


def mortal_home(folder: Path, naps: float = 0.0) -> Path:
    """A home without a store; ``naps``: seconds that a run sleeps on average."""
    home = make_home(folder, PHASES.replace("{shift:", f"{{naps: {naps}, shift:") if naps else PHASES)
    (home / "experiments" / f"{PROGRAM}.py").write_text(EXPERIMENT.lstrip())
    return home


def copy_of(home: Path, folder: Path) -> Path:
    """A copy of a home that was left by a crash; its runs in progress are its own."""
    copy_home(home, folder)
    journal = folder / "mlruns" / "journal.db"
    if journal.exists():
        with closing(sqlite3.connect(journal)) as db, db:
            db.execute("UPDATE work SET folder = replace(folder, ?, ?)", (str(home), str(folder)))
    return folder


def start(home: Path, *words: str, script: Sequence[str] = (), dies: str = "", fresh: bool = False) -> Script:
    """An advance (or another command) in a process group of its own; what it says goes to a file.

    Args:
        fresh: it is started as a person starts it, imports and all.
    """
    given = [*script, str(home)] if script else [str(ROOT / "cli.py"), "--home", str(home)]
    env = clean_environment(**({"DIES": dies} if dies else {}))
    with (home / "said").open("ab") as said:
        return Script([*given, *words], env, output=said, new_session=True, fresh=fresh)


def die_at(
    home: Path, point: str, nth: int, *words: str, fresh: bool = False, after_results: bool = False
) -> int:
    """Runs a command that kills itself at a point; gives how it ended.

    Args:
        after_results: it waits there until every run that was begun has left its result.
    """
    script = [str(DYING), "--at", point, "--nth", str(nth), *(["--after-results"] if after_results else [])]
    return start(home, *words, script=script, fresh=fresh).wait(timeout=900)


def names_of(home: Path, *words: str) -> list[str]:
    """Every point that a command passes, in order."""
    listing = home / "points"
    assert start(home, *words, script=[str(DYING), "--list", str(listing)]).wait(timeout=900) == 0, said(home)
    return listing.read_text().splitlines()


def said(home: Path) -> str:
    """What the commands on a home wrote to stdout and stderr."""
    return (home / "said").read_text(errors="replace")


def workers_of(home: Path) -> list[psutil.Process]:
    """The living worker processes of a home."""
    workers = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "experiments.worker" in words and str(home.resolve()) in words:
            workers.append(process)
    return workers


def kill_group(process: psutil.Process | Script) -> None:
    """SIGKILL to a process and its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def until_gone(home: Path) -> list[psutil.Process]:
    """The workers that are still there after a worker's time to leave."""
    end = time.monotonic() + PATIENCE
    while (left := workers_of(home)) and time.monotonic() < end:
        time.sleep(0.1)
    return left
