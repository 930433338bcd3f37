"""Runs on a machine that becomes slow."""

from __future__ import annotations

import functools
import math
import statistics
import time

import numpy as np
import pytest

from experiments import gated_ctr as study
from experiments.contract import Interrupted, MetricLog, Slowdown, configure
from experiments.parts.watchdog import Watchdog
from tests.experiments.gated_ctr.click_runs import config_of, logged


def slow_clocks(slow_from):
    """Clocks for which a batch takes 1 s, and 10 s from that batch on; all of it on the CPU."""
    clock = [0, 0.0]

    def wall():
        clock[0] += 1
        clock[1] += 10.0 if clock[0] > slow_from else 1.0
        return clock[1]

    return {"wall": wall, "cpu": lambda: clock[1]}


def on_a_machine(folder, seeds, slow_from=math.inf, **params):
    """Trains seeds together with clocks that a test turns; two slow batches stop them."""
    config = config_of(slow_batches=2, slow_seconds=0.0, **params)
    logs = [MetricLog(folder / str(seed)) for seed in seeds]
    try:
        study.run_together(config, seeds, logs, functools.partial(Watchdog, **slow_clocks(slow_from)))
    finally:
        for log in logs:
            log.close()


def test_a_slowdown_stops_the_run_and_leaves_the_epochs_before_it_and_a_projection(tmp_path):
    with pytest.raises(Slowdown, match="epoch 2 take 10000"):
        on_a_machine(tmp_path, [0], slow_from=8)
    tmp_path /= "0"
    metrics = logged(tmp_path, timed=True)
    assert metrics["epochs_completed", 1] == 1
    assert ("val_auc", 1) in metrics
    assert ("val_auc", 2) not in metrics
    assert metrics["epoch_minutes", 1] == pytest.approx(7 / 60)
    assert metrics["epoch_minutes", 2] == pytest.approx(70 / 60, rel=0.3)


def test_a_run_that_resumes_on_a_slow_machine_is_slowed_down(tmp_path):
    for _ in range(2):
        with pytest.raises(Slowdown, match=r"epoch 2 take 10000.0 ms, 10.0 times .* \(1000.0 ms\)"):
            on_a_machine(tmp_path, [0], slow_from=8 if not (tmp_path / "0").exists() else 0)
    on_a_machine(tmp_path, [0])
    assert logged(tmp_path / "0")["epochs_completed", 3] == 3


@pytest.mark.parametrize("now", [[0, 1], [0]])
def test_a_batch_of_fewer_seeds_may_take_as_long_as_one_of_more(tmp_path, now):
    with pytest.raises(Slowdown):
        on_a_machine(tmp_path, [0, 1], slow_from=8)
    with pytest.raises(Slowdown, match=r"10.0 times .* \(1000.0 ms\)"):
        on_a_machine(tmp_path, now, slow_from=0)


def test_a_batch_of_more_seeds_may_take_as_many_times_longer(tmp_path):
    for seed in (0, 1):
        with pytest.raises(Slowdown):
            on_a_machine(tmp_path, [seed], slow_from=8)
    with pytest.raises(Slowdown, match=r"5.0 times .* \(2000.0 ms\)"):
        on_a_machine(tmp_path, [0, 1], slow_from=0)


def test_a_short_burst_stops_no_run_at_any_fidelity():
    for fidelity in study.PRESETS:
        config = configure(study, {}, fidelity)
        assert (config.slow_batches, config.slow_seconds) == (20, 3.0)


def test_a_machine_that_really_becomes_slow_stops_the_run(tmp_path):
    at = [time.perf_counter()]

    def lag(done, _total):
        """From the second epoch keeps the processor busy, ten times as long as a batch took."""
        if done > 25:
            until = time.perf_counter() + 10 * statistics.median(np.diff(at))
            while time.perf_counter() < until:
                pass
        else:
            at.append(time.perf_counter())

    log = MetricLog(tmp_path, lag)
    with pytest.raises(Interrupted, match="times those of the first epoch"):
        study.run(config_of(batch_size=16, slow_batches=8, slow_seconds=0.0), 0, log)
    log.close()
    assert logged(tmp_path)["epochs_completed", 1] == 1
