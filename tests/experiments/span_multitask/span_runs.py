"""Small runs of ``span_multitask``, shared by its tests."""

from __future__ import annotations

import numpy as np
import torch

from experiments import span_multitask as study
from experiments.contract import MetricLog, read_metrics
from experiments.parts.span_multitask.windows import Windows

TINY = {
    "hidden": 8, "epochs": 3, "pretrain_epochs": 2, "batch_size": 8,
    "train_size": 24, "validation_size": 20, "test_size": 16, "unlabelled_size": 30,
}  # fmt: skip


def measured(folder, seed=0, **params):
    """Runs a small arm in ``folder``; returns (name, step) -> value and the log's progress."""
    progress = []
    log = MetricLog(folder, lambda done, total: progress.append((done, total)))
    study.run(study.Config(**{**TINY, **params}), seed, log)
    log.close()
    return {(name, step): value for name, step, value in read_metrics(folder)}, progress


def tiny_windows(count=6, steps=20, seed=0):
    draws = np.random.default_rng(seed)
    start = torch.from_numpy(draws.integers(0, steps - 4, count))
    x = torch.from_numpy(draws.normal(size=(count, steps, 3)).astype(np.float32))
    return Windows(x, start, torch.full((count,), 4), torch.arange(count) % 2, x[..., :1].repeat(1, 1, 4))
