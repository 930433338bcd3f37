"""Small runs of ``ep_contraction``, shared by its tests."""

from __future__ import annotations

from experiments import ep_contraction as study
from experiments.contract import MetricLog, read_metrics

GRADIENTS = ("bptt", "oracle", "transpose", "ep", "holomorphic", "forward")

TINY = {
    "width": 12, "horizon": 6, "steps": 6, "track_every": 2, "rows": 8, "rho_rows": 2, "batch_size": 8,
    "refine_steps": 20, "search_steps": 40, "t2sel": 4, "checkpoint_steps": 2, "points": 4,
}  # fmt: skip


def measured(folder, seed=0, **params):
    """Runs a small arm in ``folder``; returns (name, step) -> value and the log's progress."""
    progress = []
    log = MetricLog(folder, lambda done, total: progress.append((done, total)))
    study.run(study.Config(**{**TINY, **params}), seed, log)
    log.close()
    return values(folder), progress


def values(folder):
    return {(name, step): value for name, step, value in read_metrics(folder)}


class Killed(Exception):
    pass
