"""A run that is killed in the middle of its training goes on from its last checkpoint."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.support.small_homes import ROOT, clean_environment, cli, make_home
from tests.support.warm import Script

pytestmark = pytest.mark.slow
PATIENCE = 300.0
STAGES = 6

TRAINED = f"""
\"\"\"A line fitted in stages; each stage says that it began, and one of them waits for a file.\"\"\"
import pathlib
import time

import torch

from experiments.contract import Config as BaseConfig
from experiments.contract import Data
from experiments.parts.seeding import generator, seeded
from experiments.parts.stages import train_in_stages

PRESETS = {{}}


class Config(BaseConfig):
    shift: float = 0.0


def describe(config):
    return Data(name="made up", digest="made-up")


def run(config, seed, log):
    with seeded(seed, "init"):
        net = torch.nn.Linear(3, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)

    def stage(index):
        begun = pathlib.Path("begun") / f"{{config.shift}}-{{seed}}-{{index}}"
        begun.parent.mkdir(exist_ok=True)
        with begun.open("a") as file:
            file.write("x")
        while index == 4 and seed == 1 and config.shift and not pathlib.Path("go").exists():
            time.sleep(0.02)
        x = torch.randn(8, 3, generator=generator(seed, index))
        loss = (net(x) - x.sum(1, keepdim=True) + config.shift).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {{"score": -loss.item()}}

    def on_stage(index, measured):
        log.metrics(measured, index + 1)

    train_in_stages(net, optimizer, stage, {STAGES}, log.checkpoint / "net.pt", "key", on_stage)
"""

PROGRAM = """
program: trained
question: Does a shift lower the score?
experiment: trained
metrics: {score: {unit: points, better: higher}}
arms: {base: {shift: 0.0}, shifted: {shift: 1.0}}
phases:
  first:
    question: Lower?
    arms: [base, shifted]
    factor: shift
    seeds: 2
    criteria: {higher: {metric: score, arm: shifted, versus: base, better_by: 0.2}}
    gate: [higher]
    next: {pass: stop, fail: stop, inconclusive: stop}
budget: {seeds_per_arm: 2}
probe: off
"""


def home_of(folder: Path) -> Path:
    home = make_home(folder, PROGRAM)
    (home / "experiments" / "trained.py").write_text(TRAINED.lstrip())
    return home


def scores(home: Path) -> dict[tuple[str, str, int], float]:
    """(arm, seed, step) -> score, of the runs that ended well, from MLflow's own tables."""
    query = """
        SELECT arm.value, seed.value, m.step, m.value FROM metrics m
        JOIN tags arm ON arm.run_uuid = m.run_uuid AND arm.key = 'planner.arm'
        JOIN tags seed ON seed.run_uuid = m.run_uuid AND seed.key = 'planner.seed'
        JOIN tags ended ON ended.run_uuid = m.run_uuid AND ended.key = 'planner.outcome'
        WHERE m.key = 'score' AND ended.value = 'ok'
    """
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
        return {(arm, seed, step): value for arm, seed, step, value in db.execute(query)}


def began(home: Path) -> dict[str, int]:
    """Stage -> how often it was begun."""
    return {path.name: len(path.read_text()) for path in (home / "begun").iterdir()}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = home_of(tmp_path_factory.mktemp("unbroken"))
    (home / "go").touch()
    assert cli("advance", "--all", home=home).code == 0
    return home


def advance_until_it_waits(home: Path) -> Script:
    """An advance that has come to the stage that waits."""
    words = [str(ROOT / "cli.py"), "--home", str(home), "advance", "--all", "--jobs", "1"]
    process = Script(words, clean_environment())
    until = time.monotonic() + PATIENCE
    while not (home / "begun" / "1.0-1-4").exists():
        assert process.poll() is None
        assert time.monotonic() < until, "the stage has not begun"
        time.sleep(0.02)
    return process


def check_resumed(home: Path, unbroken: Path) -> None:
    assert scores(home) == scores(unbroken)
    assert len(scores(home)) == 4 * STAGES
    repeated = {stage: count for stage, count in began(home).items() if count > 1}
    assert repeated == {"1.0-1-4": 2}


def killed_with_its_planner(home: Path, process: Script) -> None:
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)
    psutil.wait_procs(workers, timeout=PATIENCE)


def stopped_in_good_order(home: Path, process: Script) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE)


@pytest.mark.parametrize("cut", [killed_with_its_planner, stopped_in_good_order])
def test_the_next_advance_goes_on_from_the_last_checkpoint(
    tmp_path: Path, unbroken: Path, cut: Callable[[Path, Script], None]
) -> None:
    home = home_of(tmp_path / "home")
    process = advance_until_it_waits(home)
    cut(home, process)
    (home / "go").touch()
    assert cli("advance", "--all", home=home).code == 0
    check_resumed(home, unbroken)


def test_a_worker_that_is_killed_alone_is_tried_again_from_its_checkpoint(
    tmp_path: Path, unbroken: Path
) -> None:
    home = home_of(tmp_path / "home")
    process = advance_until_it_waits(home)
    (worker,) = psutil.Process(process.pid).children()
    runs = worker.children()
    os.kill(worker.pid, signal.SIGKILL)
    psutil.wait_procs(runs, timeout=PATIENCE)
    (home / "go").touch()
    assert process.wait(PATIENCE) == 0
    check_resumed(home, unbroken)
    left = [
        path for path in (home / "mlruns" / "work").rglob("*") if path.is_file() and ".code" not in path.parts
    ]
    assert left == []
