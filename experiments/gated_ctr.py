"""How much regularisation does a gated click model want?

Question: a click model mixes a static branch (cross networks over user, item, context) and a sequence branch
(a GRU over the history with target attention) by a gate. Which strength of regularisation keeps the AUC,
closes the gap between training and validation, and moves the best epoch beyond the first?

Arms set ``dropout``, ``weight_decay``, ``label_smoothing``, and what is easily confounded with them: ``lr``
and ``schedule`` (``none``; ``warmup_cosine``: linear over ``warmup_epochs``, then half a cosine to 0).

Metrics (unit; better); a step is an epoch, from 1. The document reports its figures *at the best epoch*, and
those of the first list are the same: at step e, the values of the epoch with the best val_auc among 1..e. So
the final value is that of the run's best epoch, also where the run ended early. The epochs themselves are
in ``curve_<name>``.
    ``val_auc``, ``train_auc``, ``train_auc_eval``, ``test_auc`` (fraction; higher): area under the ROC curve.
    ``train_auc`` pools the predictions made while the epoch ran, by weights that were still changing and with
    dropout (the document's); ``train_auc_eval`` is measured at its end without dropout, like ``val_auc``.
    The epoch is chosen on validation rows, so ``val_auc`` is optimistic; ``test_auc`` is not.
    ``gap`` = train_auc - val_auc and ``gap_eval`` = train_auc_eval - val_auc (AUC; neither).
    ``gate_mean``, ``gate_min``, ``gate_max`` (fraction; neither): share of the static branch, validation.
    ``train_loss`` (nats; lower): while training, with dropout and smoothed labels. ``val_loss``: without.

    ``epoch``; ``best_epoch`` (epoch; neither); ``epochs_completed`` (epochs; higher).
    ``epoch_minutes`` (minutes; lower): wall time of an epoch's batches, without evaluation; of an epoch that
    the watchdog stopped, projected from its batches so far. ``batch_wall_ms``, ``batch_cpu_ms`` (ms; lower):
    means per batch of this process. Seeds that train together have equal shares of all three.
    ``cpu_per_wall`` (ratio; higher). ``memory_mb`` (MB; lower): held at the epoch's end by the process, or by
    the accelerator. ``gpu_available`` (flag; higher). ``oracle_auc`` (fraction; higher): of the true
    probabilities on validation rows, the ceiling of val_auc.
    Artifact ``epochs.csv``: everything by epoch.

Budget, one thread: smoke about 1 s; standard about 30 s alone and 20 s as one of six; full, with 4 million
training rows, hours on a CPU. Seeds together cost 0.70 (three, six) of what they cost one by one.

If the claim is false, arms at equal learning rate agree in val_auc, seed by seed, whatever their
regularisation; if the gap is an artifact of how training AUC is measured, gap and gap_eval differ in sign.

Replicates: the seed drives initialisation, row order and dropout; arms at one seed share all three. The log
has ``data_seed``: verdicts hold for one log. Users and items of the training rows occur in validation too, as
in any log; ``describe`` counts repeated impressions. Parts are split by time. Weight decay acts on every
parameter, as an L2 penalty (``optimizer: adam``) or decoupled (``adamw``); the document does not say which.

Source: ``004_8d8cd1e0949beb15.txt``; cross networks after DCNv3 (arXiv 2407.13349).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from experiments.contract import Data, Interrupted, MetricLog
from experiments.parts.csv_files import write_csv
from experiments.parts.gated_ctr import checkpoints, clicks
from experiments.parts.gated_ctr.auc import auc
from experiments.parts.gated_ctr.clicks import ClickLog
from experiments.parts.gated_ctr.config import Config
from experiments.parts.gated_ctr.files import load_clicks
from experiments.parts.gated_ctr.generator import synthetic
from experiments.parts.gated_ctr.training import Training
from experiments.parts.watchdog import Watchdog

TOGETHER = 6

TIMES = ("epoch_minutes", "batch_wall_ms", "batch_cpu_ms", "cpu_per_wall", "memory_mb")
"""Measures of the machine; they differ from one execution to the next."""

_NO_MATTER = {"num_workers", "slow_batches", "slow_seconds", "device", "data"}
"""Parameters on which no measure of quality depends (of the data, the digest speaks)."""

History = list[dict[str, float]]


_SMALL = {"train_size": 4000, "validation_size": 2000, "test_size": 2000, "users": 400, "items": 300}
_LARGE = {"train_size": 4_000_000, "validation_size": 500_000, "test_size": 500_000}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {**_SMALL, "width": 16},
    "standard": {},
    "full": {**_LARGE, "users": 200_000, "items": 50_000, "embedding": 16, "width": 64},
}


def describe(config: Config) -> Data:
    """The impressions of each part; overlap counts those that training saw byte for byte."""
    log, parts = _data(config)
    return Data(
        name=log.name,
        digest=clicks.digest(log, parts),
        sizes={name: part.stop - part.start for name, part in parts.items()},
        overlap=clicks.overlap(log, parts),
        files=log.files,
    )


def run(config: Config, seed: int, log: MetricLog) -> None:
    """Trains one seed and measures it after each epoch."""
    run_together(config, [seed], [log])


def run_together(
    config: Config,
    seeds: Sequence[int],
    logs: Sequence[MetricLog],
    make_watchdog: Callable[..., Watchdog] = Watchdog,
) -> None:
    """Trains several seeds at once, those together that have come equally far.

    Args:
        make_watchdog: gives what stops the training when batches become slow; takes the arguments of
            ``Watchdog`` by name.

    Raises:
        Slowdown, Suspended: the watchdog stopped the training; epochs that were complete are logged.
    """
    data, parts = _data(config)
    key = f"{clicks.digest(data, parts)} {config.model_dump_json(exclude=_NO_MATTER)}"
    groups: dict[int, list[_Seed]] = {}
    for seed, log in zip(seeds, logs, strict=True):
        one = _Seed(f"{key} {seed}", seed, log)
        one.report_all(data, parts)
        groups.setdefault(len(one.history), []).append(one)
    for done, group in sorted(groups.items()):
        if done < config.epochs:
            patience = {"window": config.slow_batches, "least_seconds": config.slow_seconds}
            watchdog = make_watchdog(reference=_reference(group), **patience)
            _train(config, data, parts, group, done, watchdog)


class _Seed:
    """One seed's run: its checkpoint, and what it measured by epoch.

    Attributes:
        pace: of its epoch 1, median seconds of a batch, and of how many seeds those batches were.
    """

    def __init__(self, key: str, seed: int, log: MetricLog) -> None:
        self.key, self.seed, self.log = key, seed, log
        self.file = log.checkpoint / "training.pt"
        self.held = checkpoints.load(self.file, key)
        self.history: History = list(self.held["history"]) if self.held else []
        self.pace: tuple[float, int] | None = self.held["pace"] if self.held else None

    def report_all(self, data: ClickLog, parts: Mapping[str, slice]) -> None:
        """Logs what holds for the whole run, and the epochs that are in the checkpoint."""
        gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
        self.log.metric("gpu_available", float(gpu))
        if data.true_logit is not None:
            rows = parts["validation"]
            self.log.metric("oracle_auc", auc(data.true_logit[rows].numpy(), data.y[rows].numpy()))
        for done in range(1, len(self.history) + 1):
            self._report(self.history[:done])

    def take(self, measured: dict[str, float], state: checkpoints.State) -> None:
        """Logs an epoch, and keeps it."""
        self.history.append(measured)
        self._report(self.history)
        held = {"key": self.key, "history": self.history, "pace": self.pace}
        checkpoints.save(self.file, {**held, **state})

    def _report(self, history: History) -> None:
        epoch, now = len(history), history[-1]
        best = max(range(epoch), key=lambda i: (history[i]["val_auc"], -i))
        quality = {name for name in now if name not in TIMES}
        self.log.metrics({name: history[best][name] for name in sorted(quality)}, epoch)
        self.log.metrics({f"curve_{name}": now[name] for name in sorted(quality)}, epoch)
        self.log.metrics({name: now[name] for name in TIMES}, epoch)
        self.log.metrics({"epoch": epoch, "epochs_completed": epoch, "best_epoch": best + 1}, epoch)
        rows = ([number, *row.values()] for number, row in enumerate(history, 1))
        write_csv(self.log.artifact("epochs.csv"), ["epoch", *now], rows)


def _reference(group: Sequence[_Seed]) -> float | None:
    """Seconds that a batch of these seeds takes at most at the pace of their first epochs; None before those.

    Seeds that train together share a batch. One of n seeds takes at most n / m times as long as one of m,
    and no longer where n < m; how much less depends on the machine, and a bound stops no run by mistake.
    """
    paces = [one.pace for one in group if one.pace]
    return max((seconds * max(len(group) / seeds, 1.0) for seconds, seeds in paces), default=None)


def _train(
    config: Config,
    data: ClickLog,
    parts: Mapping[str, slice],
    group: Sequence[_Seed],
    done: int,
    watchdog: Watchdog,
) -> None:
    """Trains the seeds of a group, all of which have ``done`` epochs behind them."""
    sizes = config.embedding, config.width, config.embedding_std
    training = Training(data, parts, [one.seed for one in group], config.recipe, sizes, watchdog)
    if done:
        training.restore([one.held for one in group if one.held])
    per_epoch = len(training.batches)
    for epoch in range(done + 1, config.epochs + 1):
        batches = 0

        def on_batch(count: int, epoch: int = epoch) -> None:
            nonlocal batches
            batches = count
            for one in group:
                one.log.progress((epoch - 1) * per_epoch + count, config.epochs * per_epoch)

        try:
            measures = training.epoch(epoch, on_batch)
        except Interrupted:
            for one in group:
                one.log.metric("epoch_minutes", training.projected_minutes(epoch, batches + 1), epoch)
            raise
        for index, (one, measured) in enumerate(zip(group, measures, strict=True)):
            one.pace = one.pace or (watchdog.median_seconds(epoch), len(group))
            one.take(measured, training.state(index))


def _data(config: Config) -> tuple[ClickLog, dict[str, slice]]:
    sizes = config.train_size, config.validation_size, config.test_size
    if config.data is not None:
        log = load_clicks(config.data)
    else:
        shape = config.users, config.items, config.history_length, config.click_rate
        log = synthetic(sum(sizes), config.data_seed, *shape)
    return log, clicks.split(log, *sizes)
