"""Homes with small programs and an experiment that measures in no time, and the real command line on them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.warm import Script, clean_environment

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = Path(__file__).parents[1] / "reference" / "credit_linesearch.json"

EXPERIMENT = '''
"""Scores that follow from the arm and the seed alone; torch is not needed."""
import random

from experiments.contract import Config as BaseConfig
from experiments.contract import Data


class Config(BaseConfig):
    shift: float = 0.0
    spread: float = 0.05
    action: str = "measure"


PRESETS = {"smoke": {"spread": 0.01}}


def describe(config):
    return Data(name="made up", digest="made-up", sizes={"train": 2})


def run(config, seed, log):
    noise = random.Random(f"{seed} {config.shift}").gauss(0.0, config.spread)
    if config.action == "raise":
        raise ValueError("the <b>loss</b> went away")
    for step in range(4):
        score = config.shift + noise / (step + 1)
        log.metric("score", float("nan") if config.action == "nan" else score, step)
        log.metric("loss", 1.0 / (step + 1) - config.shift, step)
    log.artifact("note.txt").write_text("measured")
'''

QUICK = """
program: quick
question: Is a larger shift better?
experiment: quick
metrics:
  score: {unit: points, better: higher}
  loss: {unit: nats, better: lower}
arms:
  base: {shift: 0.0}
  worse: {shift: -1.0}
  better: {shift: 1.0}
phases:
  first:
    question: Does the first guess raise the score?
    arms: [base, worse]
    factor: shift
    criteria:
      higher: {metric: score, arm: worse, versus: base, better_by: 0.2}
    gate: [higher]
    cases:
      up: {means: a shift raises the score, when: [higher]}
      down: {means: a shift does not raise the score, unless: [higher]}
    claims:
      shift_helps: {says: A shift raises the score., supported: [higher]}
    next: {up: stop, down: triage}
    triage:
      options:
        - option: turn_round
          rationale: The other way has not been tried.
          expects: [higher]
          risk: none that we know
          opens: second
        - option: repeat
          rationale: It may have been bad luck.
          expects: [higher]
          opens: third
  second:
    question: Does a shift the other way raise it?
    same_as: first
    swap: {worse: better}
    next: {up: stop, down: stop}
  third:
    question: Does it raise it in a noisier world?
    same_as: first
    with: {spread: 0.1}
    next: {up: stop, down: stop}
budget: {seeds_per_arm: 3}
"""

WITH_SEEDS_TO_SPARE = QUICK.replace("seeds_per_arm: 3", "seeds_per_arm: 6")
"""Its verdicts stand when a run is made again, which is one more look at their evidence."""

WAITS = """
program: waits
question: Who decides?
experiment: quick
metrics:
  score: {unit: points, better: higher}
arms:
  base: {shift: 0.0}
  worse: {shift: -1.0}
phases:
  first:
    question: Is it better?
    arms: [base, worse]
    factor: shift
    criteria:
      higher: {metric: score, arm: worse, versus: base, better_by: 0.2}
    gate: [higher]
    triage:
      options:
        - {option: costly, rationale: It may help., opens: second, needs_person: to_approve}
  second:
    question: Is it better in a noisier world?
    same_as: first
    with: {spread: 0.1}
"""


@dataclass(frozen=True)
class Reply:
    """What a command said and how it ended.

    Attributes:
        seconds: how long it ran, its start left out where it was forked.
    """

    code: int
    out: str
    err: str
    seconds: float = 0.0

    @property
    def json(self) -> Any:
        """Its stdout as JSON, with NaN and infinities refused."""

        def refuse(word: str) -> Any:
            raise AssertionError(f"{word} in JSON")

        return json.loads(self.out, parse_constant=refuse)


def cli(
    *words: str, home: Path | None = None, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> Reply:
    """Runs ``cli.py`` as a process of its own."""
    given = ["--home", str(home)] if home is not None else []
    script = Script([str(ROOT / "cli.py"), *given, *words], clean_environment(**(env or {})), cwd)
    begun = time.monotonic()
    try:
        out, err = script.communicate(timeout=900)
    finally:
        script.kill()
    return Reply(script.wait(), out, err, time.monotonic() - begun)


def cli_here(*words: str, home: Path | None = None) -> Reply:
    """Runs ``cli.py`` in this process: as ``main`` would, output and exit code included, and much sooner."""
    from planner.cli.app import app, hoisted

    given = ["--home", str(home), *words] if home is not None else list(words)
    out, err = io.BytesIO(), io.BytesIO()
    strict = io.TextIOWrapper(out, encoding="utf-8", errors="strict", write_through=True)
    lenient = io.TextIOWrapper(err, encoding="utf-8", errors="backslashreplace", write_through=True)
    code = 0
    with redirect_stdout(strict), redirect_stderr(lenient):
        try:
            app(args=hoisted(given), prog_name="cli.py")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    return Reply(code, out.getvalue().decode(), err.getvalue().decode())


def make_home(folder: Path, *programs: str) -> Path:
    """A home that holds these programs (YAML texts) and the quick experiment."""
    (folder / "knowledge" / "programs").mkdir(parents=True)
    (folder / "experiments").mkdir()
    (folder / "experiments" / "quick.py").write_text(EXPERIMENT.lstrip())
    for text in programs:
        add_program(folder, text)
    return folder


def add_program(home: Path, text: str) -> None:
    """Writes a program into a home, under the name that it has."""
    text = textwrap.dedent(text).lstrip()
    name = text.partition("\n")[0].removeprefix("program: ")
    (home / "knowledge" / "programs" / f"{name}.yaml").write_text(text)


def copy_home(home: Path, folder: Path) -> Path:
    """A copy of a home; its store's artifacts are its own.

    SQLite's files beside a database come and go with whoever reads it, and hold nothing of a home at rest.
    """
    shutil.copytree(home, folder, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    locations = home.resolve().as_uri(), folder.resolve().as_uri()
    with closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as store, store:
        store.execute(
            "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", locations
        )
        store.execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", locations)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with a digest of its content, and every folder.

    SQLite's own files beside a database are left out: they come and go with whoever reads it.
    """
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts and not path.name.endswith(("-wal", "-shm"))
    }


def log_reference(home: Path, *phases: str) -> None:
    """Logs the reference figures of some phases with plain MLflow, as anybody's script would."""
    script = ROOT / "tests" / "support" / "plain_mlflow.py"
    env = clean_environment(MLFLOW_TRACKING_URI=f"sqlite:///{home}/mlruns/mlflow.db")
    (home / "mlruns").mkdir(exist_ok=True)
    words = [sys.executable, str(script), str(REFERENCE), *phases]
    subprocess.run(words, check=True, env=env, cwd=home, capture_output=True, timeout=900)


def put_into_experiment(home: Path, lines: str, before: str = "\n    for step in range(4):") -> Path:
    """Puts lines into the quick experiment of a home; its file."""
    module = home / "experiments" / "quick.py"
    text = module.read_text()
    assert before in text
    module.write_text(text.replace(before, f"{lines}{before}", 1))
    return module
