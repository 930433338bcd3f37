"""Slow, suspended or merely interrupted: with a clock that tests turn, and with real slow-downs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from experiments.contract import Slowdown, Suspended
from experiments.parts.watchdog import Watchdog

ROOT = Path(__file__).parents[2]


class Clock:
    """Wall and CPU time that go on as they are told."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def watchdog(self, least_seconds: float = 0.0, reference: float | None = None) -> Watchdog:
        clocks = {"wall": lambda: self.wall, "cpu": lambda: self.cpu}
        return Watchdog(least_seconds=least_seconds, reference=reference, **clocks)

    def train(self, dog: Watchdog, epoch: int, batches: Iterable[tuple[float, float]]) -> int:
        """Batches that take so much (wall, CPU); how many were done."""
        dog.begin(epoch)
        done = 0
        for wall, cpu in batches:
            self.step(dog, epoch, wall, cpu)
            done += 1
        return done

    def step(self, dog: Watchdog, epoch: int, wall: float, cpu: float) -> None:
        """One batch."""
        self.wall += wall
        self.cpu += cpu
        dog.batch(epoch)


def slow_after(
    first: float, then: float, cpu: float, least_seconds: float = 0.0
) -> tuple[type[Exception] | None, int]:
    """How a second epoch of 100 batches ends, and after how many, if each takes so long."""
    clock = Clock()
    dog = clock.watchdog(least_seconds)
    clock.train(dog, 1, [(first, first)] * 50)
    return end_of_epoch(clock, dog, 2, then, cpu)


def end_of_epoch(
    clock: Clock, dog: Watchdog, epoch: int, wall: float, cpu: float
) -> tuple[type[Exception] | None, int]:
    """How an epoch of 100 batches ends, and after how many, if each takes so long."""
    done = 0
    dog.begin(epoch)
    try:
        for _ in range(100):
            clock.step(dog, epoch, wall, cpu)
            done += 1
    except (Slowdown, Suspended) as stopped:
        return type(stopped), done + 1
    return None, done


@pytest.mark.parametrize(
    ("then", "cpu", "ends"),
    [(2.9, 2.9, None), (3.0, 3.0, Slowdown), (90.0, 9.1, Slowdown), (90.0, 8.9, Suspended)],
)
def test_three_times_the_first_epoch_is_too_slow_and_hardly_any_cpu_is_suspended(
    then: float, cpu: float, ends: type[Exception] | None
) -> None:
    assert slow_after(1.0, then, cpu)[0] is ends


def test_it_stops_when_the_median_was_too_slow_for_twenty_batches() -> None:
    # The median of twenty passes three times the first epoch's at the 10th slow batch.
    assert slow_after(1.0, 10.0, 10.0) == (Slowdown, 29)


def test_a_few_long_batches_stop_nothing() -> None:
    clock = Clock()
    dog = clock.watchdog()
    clock.train(dog, 1, [(1.0, 1.0)] * 50)
    assert clock.train(dog, 2, ([(1.0, 1.0)] * 15 + [(3600.0, 1.0)] * 5) * 10) == 200


def test_a_slow_stretch_that_ends_in_time_stops_nothing() -> None:
    clock = Clock()
    dog = clock.watchdog()
    clock.train(dog, 1, [(1.0, 1.0)] * 50)
    assert clock.train(dog, 2, ([(5.0, 5.0)] * 15 + [(1.0, 1.0)] * 35) * 4) == 200


@pytest.mark.parametrize(
    ("least_seconds", "ends"),
    # The stretch begins at the 11th slow batch: 20 batches of a quarter second have lasted 5 s at the 30th.
    [(5.0, (Slowdown, 30)), (5.25, (Slowdown, 31)), (10.0, (Slowdown, 50)), (23.0, (None, 100))],
)
def test_a_slow_stretch_has_to_have_lasted_long_enough(
    least_seconds: float, ends: tuple[type[Exception] | None, int]
) -> None:
    assert slow_after(0.0625, 0.25, 0.25, least_seconds) == ends


def test_long_batches_have_to_be_as_many_however_long_they_last() -> None:
    assert slow_after(1.0, 10.0, 10.0, least_seconds=3.0) == (Slowdown, 29)


def test_seconds_of_slow_stretches_that_ended_do_not_add_up() -> None:
    clock = Clock()
    dog = clock.watchdog(least_seconds=3.0)
    clock.train(dog, 1, [(0.01, 0.01)] * 50)
    assert clock.train(dog, 2, ([(0.05, 0.05)] * 45 + [(0.01, 0.01)] * 45) * 10) == 900


@pytest.mark.parametrize(
    ("then", "ends"),
    # The median needs 20 batches, and 20 batches have to pass with it too slow.
    [(2.9, (None, 100)), (3.0, (Slowdown, 39))],
)
def test_a_resumed_run_is_compared_with_the_epoch_that_it_is_told_of(
    then: float, ends: tuple[type[Exception] | None, int]
) -> None:
    clock = Clock()
    assert end_of_epoch(clock, clock.watchdog(reference=1.0), 4, then, then) == ends


def test_later_epochs_do_not_move_the_reference_that_it_was_told() -> None:
    clock = Clock()
    dog = clock.watchdog(reference=1.0)
    clock.train(dog, 4, [(2.0, 2.0)] * 50)
    assert end_of_epoch(clock, dog, 5, 4.0, 4.0) == (Slowdown, 29)


def test_the_median_of_an_epochs_batches_is_what_a_resumed_run_is_told() -> None:
    clock = Clock()
    dog = clock.watchdog()
    clock.train(dog, 1, [(1.0, 1.0), (50.0, 1.0), (2.0, 1.0)])
    dog.begin(2)
    assert (dog.median_seconds(1), dog.median_seconds(2)) == (2.0, 0.0)


def test_seconds_and_cpu_per_wall_count_the_batches_alone() -> None:
    clock = Clock()
    dog = clock.watchdog()
    clock.train(dog, 1, [(2.0, 1.0)] * 10)
    clock.wall += 1000.0  # an evaluation
    clock.train(dog, 2, [(4.0, 1.0)] * 5)
    assert (dog.seconds(1), dog.seconds(2)) == (20.0, 20.0)
    assert (dog.cpu_per_wall(1), dog.cpu_per_wall(2)) == (0.5, 0.25)


# --- real slow-downs -------------------------------------------------------------------------------

TRAINING = """
import json, sys, time
from experiments.contract import Interrupted
from experiments.parts.watchdog import Watchdog

work, patience, lag, factor = map(float, sys.argv[1:])

def batch():
    until = time.process_time() + work
    while time.process_time() < until:
        pass

dog = Watchdog(factor)
dog.begin(1)
for _ in range(40):
    batch()
    dog.batch(1)
print("slow now", flush=True)
lag *= dog.seconds(1) / 40
until = time.monotonic() + patience
dog.begin(2)
try:
    while time.monotonic() < until:
        batch()
        time.sleep(lag)
        dog.batch(2)
    print(json.dumps(["went on", dog.cpu_per_wall(1)]))
except Interrupted as stopped:
    print(json.dumps([stopped.outcome, dog.cpu_per_wall(1)]))
"""


def training(
    work: float, patience: float = 240.0, lag: float = 0.0, factor: float = 3.0, core: int | None = None
) -> subprocess.Popen:
    """A training in a process of its own: batches of so much CPU, and a loader that lags after epoch 1."""
    words = [sys.executable, "-c", TRAINING, *map(str, (work, patience, lag, factor))]
    pinned = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=pinned)
    assert process.stdout is not None
    assert process.stdout.readline() == "slow now\n"
    return process


def end_of(process: subprocess.Popen) -> str:
    """How it ended; where CPU was short from the start, a slowdown that left hardly any is one still."""
    out, _ = process.communicate(timeout=300)
    end, share_at_first = json.loads(out)
    return "slowdown" if end == "suspended" and share_at_first < 0.6 else str(end)


@pytest.mark.slow
def test_a_loader_that_sleeps_is_a_slowdown() -> None:
    assert end_of(training(work=0.005, lag=3.5)) == "slowdown"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs to pin processes to one core")
def test_busy_neighbours_are_a_slowdown() -> None:
    core = min(os.sched_getaffinity(0))
    process = training(work=0.01, core=core)
    spin = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"]
    neighbours: list[subprocess.Popen] = []
    try:
        while process.poll() is None:  # as many as it takes beside what else this machine does
            neighbours.append(subprocess.Popen(spin))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
        assert end_of(process) == "slowdown"
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


@pytest.mark.slow
def test_a_process_that_is_stopped_again_and_again_is_suspended() -> None:
    process = training(work=0.002)
    while process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.12)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.002)
    assert json.loads(process.communicate()[0])[0] == "suspended"


@pytest.mark.slow
def test_a_machine_that_sleeps_once_loses_nothing() -> None:
    # Busy neighbours, which are a slowdown, slow no batch down so much; the sleep does.
    process = training(work=0.005, patience=3, factor=50)
    time.sleep(0.5)
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.0)
    process.send_signal(signal.SIGCONT)
    assert end_of(process) == "went on"
