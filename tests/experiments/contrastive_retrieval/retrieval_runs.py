"""Small runs of ``contrastive_retrieval``, shared by its tests."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from experiments import contrastive_retrieval as study
from experiments.contract import MetricLog, read_metrics

OBJECTIVES = ("ar", "infonce_ar", "raw_infonce", "pure_infonce", "two_tower", "amn_baseline")

TINY = {
    "articles": 12, "bank_articles": 16, "article_length": 24, "dim": 12, "states": 6, "width": 16,
    "steps": 10, "stages": 4, "batch_size": 32, "timed_queries": 3,
}  # fmt: skip

CONTEXT = 5


def measured(folder, seed=0, kill_after=None, **params):
    """Runs a small arm in ``folder``; (name, step) -> value without timings, and the log's progress."""
    progress = []

    def on_progress(done, total):
        progress.append((done, total))
        if done == kill_after:
            raise Killed

    log = MetricLog(folder, on_progress)
    try:
        study.run(study.Config(**{**TINY, **params}), seed, log)
    finally:
        log.close()
    metrics = {(name, step): value for name, step, value in read_metrics(folder)}
    return {key: value for key, value in metrics.items() if not key[0].startswith("latency")}, progress


class Killed(Exception):
    pass


def data(**params):
    return study._data(study.Config(**{**TINY, **params}))


def unit(*rows):
    return F.normalize(torch.tensor(rows, dtype=torch.float32), dim=1)
