"""Every way in which a run can end has its own outcome: real signals, real limits and real errors."""

from __future__ import annotations

import signal
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.small_homes import ROOT, clean_environment, cli
from tests.support.store_view import Seen, mlflow_runs_of
from tests.support.warm import Script

pytestmark = pytest.mark.slow

ENDINGS = '''
"""Each arm ends in its own way."""
import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time

from experiments.contract import Config as BaseConfig
from experiments.contract import Data
from experiments.parts.watchdog import Watchdog

PRESETS = {}
# Lets the worker have hardly any time, as a machine does that sleeps or swaps, until its stdin is closed.
STOPS = """
import os, select, signal, sys, time
worker = int(sys.argv[1])
while os.getppid() == worker and not select.select([sys.stdin], [], [], 0)[0]:
    os.kill(worker, signal.SIGSTOP)
    time.sleep(0.15)
    os.kill(worker, signal.SIGCONT)
    time.sleep(0.004)
"""


class Config(BaseConfig):
    way: str = "ok"


def describe(config):
    return Data(name="made up", digest="made-up")


def busy(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def train(dog, batch, between):
    dog.begin(1)
    for _ in range(20):
        batch()
        dog.batch(1)
    slow = between()
    dog.begin(2)
    for _ in range(100):
        slow()
        dog.batch(2)


def slower_by_a_clock_of_its_own():
    """No machine is so busy that it hides how much slower the second epoch is."""
    passed = 0.0

    def batch(seconds):
        nonlocal passed
        passed += seconds

    def now():
        return passed

    train(Watchdog(window=5, wall=now, cpu=now), lambda: batch(0.005), lambda: lambda: batch(0.03))


def stopped_again_and_again():
    words = [sys.executable, "-c", STOPS, str(os.getpid())]
    with contextlib.ExitStack() as stack:

        def between():
            # Its stdin is closed, and its end awaited, when the training ends.
            stack.enter_context(subprocess.Popen(words, stdin=subprocess.PIPE))
            time.sleep(0.5)
            return lambda: busy(0.005)

        train(Watchdog(window=5), lambda: busy(0.005), between)


def use_all_memory():
    pages = int(open("/proc/self/statm").read().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, ((pages << 12) + (64 << 20), before[1]))
    try:
        bytearray(1 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def fill_the_disk():
    with open("/dev/full", "w") as full:
        full.write("x")


def raises():
    raise ValueError("no such column")


class Odd(BaseException):
    pass


def interrupts():
    raise KeyboardInterrupt


def has_enough():
    raise Odd("it had enough")


def kill(name):
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(30)


WAYS = {
    "ok": lambda: None,
    "nan": lambda: None,
    "raises": raises,
    "leaves": lambda: sys.exit(3),
    "interrupts": interrupts,
    "has_enough": has_enough,
    "memory": use_all_memory,
    "takes_long": lambda: time.sleep(300),
    "slow": slower_by_a_clock_of_its_own,
    "suspended": stopped_again_and_again,
    "terminated": lambda: kill("SIGTERM"),
    "killed": lambda: kill("SIGKILL"),
    "segfault": lambda: ctypes.string_at(0),
    "hard_exit": lambda: os._exit(0),
    "disk": fill_the_disk,
}


def run(config, seed, log):
    log.metric("score", float("nan") if config.way == "nan" else 1.0, 0)
    WAYS[config.way]()
    log.metric("score", float("nan") if config.way == "nan" else 2.0, 1)
'''
# What each way is, and what its page says of it; a full disk comes last, because nothing is begun after it.
EXPECTED = {
    "ok": ("ok", ""),
    "nan": ("bad_metric", "not finite: score"),
    "raises": ("code_error", "ValueError: no such column"),
    "leaves": ("code_error", "SystemExit: 3"),
    "interrupts": ("code_error", "KeyboardInterrupt"),
    "has_enough": ("code_error", "Odd: it had enough"),
    "memory": ("out_of_memory", "MemoryError"),
    "takes_long": ("timeout", "took longer than 12 s"),
    "slow": ("slowdown", "batches of epoch 2 take"),
    "suspended": ("suspended", "CPU/wall 0.0"),
    "terminated": ("killed", "killed by SIGTERM"),
    "killed": ("killed", "killed by SIGKILL"),
    "segfault": ("killed", "killed by SIGSEGV"),
    "hard_exit": ("killed", "left with exit code 0"),
    "disk": ("disk_full", "No space left on device"),
}


def program(*ways: str) -> str:
    arms = "\n".join(f"  {ending}: {{way: {ending}}}" for ending in ways)
    return f"""
program: endings
question: How does it end?
experiment: endings
metrics: {{score: {{unit: points, better: higher}}}}
arms:
{arms}
phases:
  first:
    question: Is it higher?
    arms: [{", ".join(ways)}]
    factor: way
    seeds: 1
    criteria: {{higher: {{metric: score, arm: {ways[-1]}, versus: {ways[0]}, better_by: 0.2}}}}
    gate: [higher]
    next: {{pass: stop, fail: stop, inconclusive: stop}}
budget: {{seeds_per_arm: 1, retries: 0, run_seconds: 12}}
"""


@pytest.fixture
def home_of(fresh_home: Callable[..., Path]) -> Callable[..., Path]:
    def make(*ways: str) -> Path:
        home = fresh_home(program(*ways))
        (home / "experiments" / "endings.py").write_text(ENDINGS.lstrip())
        return home

    return make


def by_arm(home: Path) -> dict[str, Seen]:
    return {run.arm: run for run in mlflow_runs_of(home, "run")}


def test_every_way_to_end_has_its_outcome_and_its_reason(home_of: Callable[..., Path]) -> None:
    home = home_of(*EXPECTED)
    reply = cli("advance", "--jobs", "1", "--json", home=home)
    assert reply.code == 0, reply.err
    runs = by_arm(home)
    assert {ending: runs[ending].outcome for ending in EXPECTED} == {
        ending: expected for ending, (expected, _) in EXPECTED.items()
    }
    for ending, (outcome, reason) in EXPECTED.items():
        note = runs[ending].note
        assert reason.replace("_", "\\_") in note or reason in note, note
        assert runs[ending].status == {"ok": "FINISHED", "bad_metric": "FINISHED"}.get(
            outcome, "KILLED" if outcome in ("killed", "disk_full") else "FAILED"
        )
    assert "the disk is full" in reply.json["stopped"]
    lines = (home / "experiments" / "endings.py").read_text().splitlines()
    line = 1 + lines.index('    raise ValueError("no such column")')
    assert runs["raises"].raised_at == f"experiments/endings.py:{line}"
    assert runs["killed"].raised_at == ""


def test_an_arm_that_fails_alike_gets_no_more_runs_and_the_screen_and_the_memo_say_why(
    home_of: Callable[..., Path],
) -> None:
    home = home_of("ok", "raises")
    path = home / "knowledge" / "programs" / "endings.yaml"
    path.write_text(path.read_text().replace("seeds: 1", "seeds: 6").replace("per_arm: 1", "per_arm: 9"))
    reply = cli("advance", "--jobs", "1", "--json", home=home)
    assert "raises: 3 runs ended as code_error and none well; no more of them are begun" in reply.err
    made = Counter(run.arm for run in mlflow_runs_of(home, "run"))
    assert made == {"ok": 6, "raises": 3}
    memo = Path(reply.json["steps"][0]["memo"]).read_text()
    assert "'raises' was given up: 3 seeds ended as code_error, and no run of it gave evidence" in memo
    assert cli("advance", "--json", home=home).json["steps"] == []


def test_a_full_disk_ends_no_tries_and_the_run_is_made_when_there_is_room(
    home_of: Callable[..., Path],
) -> None:
    home = home_of("ok", "disk")
    for _ in range(2):
        assert "the disk is full" in cli("advance", "--json", home=home).json["stopped"]
    seen = [(run.arm, run.outcome, run.attempt) for run in mlflow_runs_of(home, "run")]
    assert seen == [("ok", "ok", 1), ("disk", "disk_full", 0), ("disk", "disk_full", 0)]


def test_ctrl_c_ends_the_run_in_progress_as_killed(home_of: Callable[..., Path]) -> None:
    home = home_of("ok", "takes_long")
    words = [str(ROOT / "cli.py"), "--home", str(home), "advance", "--jobs", "1"]
    process = Script(words, clean_environment())
    until = time.monotonic() + 300
    while not list((home / "mlruns" / "work").rglob("metrics.jsonl")) or len(by_arm(home)) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 130
    assert {arm: run.outcome for arm, run in by_arm(home).items()} == {"ok": "ok", "takes_long": "killed"}
    assert "SIGINT stopped its planner" in by_arm(home)["takes_long"].note


def test_a_worker_that_never_starts_loses_its_run_and_says_why(
    home_of: Callable[..., Path], tmp_path: Path
) -> None:
    home = home_of("ok", "nan")
    assert cli("advance", home=home).code == 0
    excluded = by_arm(home)["ok"].id
    assert cli("exclude", excluded, "--reason", "a bad machine", home=home).code == 0
    # An interpreter that is broken for workers alone.
    broken = """
        import os, sys
        if any("experiments.worker" in word for word in sys.orig_argv):
            print("no torch here", file=sys.stderr)
            os._exit(1)
    """
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(broken))
    reply = cli("advance", home=home, env={"PYTHONPATH": str(tmp_path)})
    assert reply.code == 0, reply.err
    lost = [run for run in mlflow_runs_of(home, "run") if run.outcome == "lost"]
    assert {(run.arm, run.seed) for run in lost} >= {("ok", "1")}
    assert all("worker did not start: no torch here" in run.note for run in lost)
