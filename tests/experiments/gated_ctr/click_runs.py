"""Small runs of ``gated_ctr``, shared by its tests."""

from __future__ import annotations

from experiments import gated_ctr as study
from experiments.contract import MetricLog, read_metrics
from experiments.parts.gated_ctr.training import Training
from experiments.parts.watchdog import Watchdog

TINY = {
    "train_size": 400, "validation_size": 200, "test_size": 200, "users": 40, "items": 30,
    "history_length": 5, "click_rate": 0.3, "width": 8, "embedding": 4, "epochs": 3, "batch_size": 64,
}  # fmt: skip

MACHINE = set(study.TIMES)


def config_of(**params):
    return study.Config(**{**TINY, **params})


def logged(folder, timed=False):
    """(name, step) -> value, without what only the machine decides."""
    return {(n, s): v for n, s, v in read_metrics(folder) if timed or n not in MACHINE}


def measured(folder, seed=0, on_progress=None, **params):
    log = MetricLog(folder, on_progress)
    study.run(config_of(**params), seed, log)
    log.close()
    return logged(folder)


def together(folder, seeds, on_progress=None, **params):
    logs = [MetricLog(folder / str(seed), on_progress if i == 0 else None) for i, seed in enumerate(seeds)]
    study.run_together(config_of(**params), seeds, logs)
    for log in logs:
        log.close()
    return {seed: logged(folder / str(seed)) for seed in seeds}


def curve(metrics, name):
    return [value for (n, _), value in sorted(metrics.items(), key=lambda kv: kv[0][1] or 0) if n == name]


def training_of(seeds=(0,), watchdog=None, **params):
    config = config_of(**params)
    log, parts = study._data(config)
    sizes = config.embedding, config.width, config.embedding_std
    return Training(log, parts, seeds, config.recipe, sizes, watchdog or Watchdog(window=1000))


class Killed(Exception):
    pass


def cut_after(batches):
    def on_progress(done, _total):
        if done == batches:
            raise Killed

    return on_progress
