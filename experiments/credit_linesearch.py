"""Does better credit give better loss decrease?

Question: blocks of a residual MLP are updated from *credit* alone, sum_l <F_l(h_l), a_{l+1}>. When the
credit a_l is closer to the exact one, does a step lower the loss more, and on which batch?

Arms: ``credit`` is ``oracle`` (exact), ``vec_m4`` (fitted to loss slopes along random directions),
``scalar_cb`` (gradient of a bootstrapped value network) or ``dfa`` (fixed random feedback); ``protocol`` is
``fixed_steps`` (a given eta, each step on a fresh batch) or ``line_search`` (each method at its own best
eta, chosen on the batches that made the update). ``Config`` has the further factors.

Metrics (unit; better). A loss change is after minus before, mean over updates from one snapshot, one
starting from each pool batch.
    ``dl_same`` (nats; lower): on the rows that made the update.
    ``dl_held`` (nats; lower): on the test rows; with ``fixed_steps`` a series over steps.
    ``dl_held_lowest`` (nats; lower): least dl_held at any eta of the line search.
    ``dl_online`` (nats; lower): the update goes on over the pool, one step a batch; mean change, by
    each step, of the loss on the batch that comes next.
    ``credit_cosine`` (cosine; higher): Gamma, to the oracle. ``credit_rho`` (correlation; higher): with
    the loss slope along fresh directions. ``credit_rms`` (nats per activation; neither): of each sample's
    own loss; ``credit_rms_mean_loss``: of the batch's mean loss, so divided by its size.
    ``generalization_ratio`` (neither): dl_held / dl_same, left out where dl_same is within 1e-4 of 0.
    ``eta_best``; ``eta_interior`` (1: a worse eta on either side; 0 also where no eta lowers the loss).
    ``relative_step`` (neither): size of a first step over that of the weights; ``clamped_share``
    (neither): share of its gradient entries at the clamp; a clamp or bound that never binds shows here.
    Series: ``curve_eta``, ``curve_dl_same``, ``curve_dl_held`` along the search; ``train_loss``,
    ``test_loss`` by epoch; ``estimator_loss`` by stage of the fit.

Budget, one thread: smoke under 2 s; standard 1 to 6 s (an estimator's fit is most of it, and is kept for
the next arms of the seed in one process); full, with the source's width of 256, minutes.

If the claim is false, ``dl_same`` does not follow the order of ``credit_cosine``.

Replicates: the seed drives initialisation, batch order, feedback, fits and the order of the pool. Split and
label noise have ``data_seed``: verdicts hold for one split; vary it to go beyond. Arms at one seed share
snapshot, batches and the directions that rho is measured along.

Source: phases 6A and 6.5A of ``000_d7a44d3666f5183f.txt`` (there CIFAR-10, L = 4, width 256).
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import torch

from experiments.contract import Data, MetricLog
from experiments.parts import shared_results, tables
from experiments.parts.credit_linesearch import quality
from experiments.parts.credit_linesearch.classifier import train_classifier
from experiments.parts.credit_linesearch.config import Config
from experiments.parts.credit_linesearch.credits import Credit, dfa, oracle
from experiments.parts.credit_linesearch.estimators import (
    FIT_STAGES,
    Snapshot,
    estimated,
    fit,
)
from experiments.parts.credit_linesearch.line_search import Search, search
from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP
from experiments.parts.credit_linesearch.trials import Change, Trials
from experiments.parts.csv_files import write_csv
from experiments.parts.seeding import generator, seeded

GRID = (-8, 0)  # first grid: eta from 2^-8 to 1
GRID_BOUNDS = (-14, 10)
SERIES_STEPS = (1, 5, 20)  # numbers of steps in the source's table of phase 6A
RATIO_FLOOR = 1e-4  # nats; below it dl_held / dl_same is noise over noise
RHO_ROWS = 128  # rows that rho is measured on


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {"width": 64, "estimator_width": 128, "estimator_steps": 250, "rho_directions": 8},
    "standard": {},
    "full": {"width": 256, "estimator_width": 512, "estimator_steps": 5000, "rho_directions": 256},
}


def describe(config: Config) -> Data:
    """The rows of each split. Train and pool count as training: estimators are fitted on both."""
    table, splits = _splits(config)
    training = torch.cat([splits["train"][0], splits["pool"][0]])
    return Data(
        name=table.name,
        digest=tables.digest(splits),
        sizes={name: len(rows[1]) for name, rows in splits.items()},
        overlap=tables.overlap(training, splits["test"][0]),
        files=table.files,
    )


def run(config: Config, seed: int, log: MetricLog) -> None:
    """Takes a snapshot of a network in training, and measures one credit and one update on it."""
    job = _Job(config, seed, log)
    net = job.network()
    credit = job.credit(net)
    _measure_credit(job, net, credit)
    pool, test = job.data["pool"], job.data["test"]
    steps, batches = config.update_steps, config.update_batches
    trials = Trials(net, credit, config.rule, pool, test, config.batch_size, steps, batches, seed)
    if config.protocol == "line_search":
        _measure_line_search(job, trials)
    else:
        _measure_fixed_steps(job, trials)


class _Job:
    """One run: its data, what it trains, and how far it is (epochs, stages of the fit, 3 measurements)."""

    def __init__(self, config: Config, seed: int, log: MetricLog) -> None:
        self.config, self.seed, self.log = config, seed, log
        self.table, splits = _splits(config)
        self.data = tables.standardised(splits, "train", config.device)
        fields = "device depth width batch_size lr epochs"
        self.key = f"{tables.digest(splits)} {seed} {_named(config, fields)}"
        stages = FIT_STAGES if config.credit in ("vec_m4", "scalar_cb") else 0
        self._done, self._total = 0, config.epochs + stages + 3

    def advance(self) -> None:
        self._done += 1
        self.log.progress(self._done, self._total)

    def network(self) -> ResidualMLP:
        """The network after the snapshot's epochs on the train split."""
        config, file = self.config, self.log.checkpoint / "network.pt"

        def report(epoch: int, losses: dict[str, float]) -> None:
            self.log.metrics(losses, epoch + 1)
            self.advance()

        with seeded(self.seed, "network"):
            net = ResidualMLP(self.table.x.shape[1], self.table.classes, config.depth, config.width)
        fitted = (config.epochs, config.batch_size, config.lr, self.seed, file, self.key, report)
        with shared_results.shared(file, self.key):
            train_classifier(net.to(config.device), self.data, *fitted)
        return net

    def credit(self, net: ResidualMLP) -> Credit:
        """The arm's credit; estimators are fitted at the snapshot, on train and pool.

        On the train split alone a late snapshot has no errors left to learn from.
        """
        if self.config.credit == "oracle":
            return oracle
        if self.config.credit == "dfa":
            return dfa(net, self.seed)
        config, file = self.config, self.log.checkpoint / "estimator.pt"
        key = f"{self.key} {_named(config, 'credit estimator_width estimator_steps')}"

        def report(stage: int, measured: dict[str, float]) -> None:
            self.log.metrics(measured, stage + 1)
            self.advance()

        x, y = (torch.cat([self.data["train"][i], self.data["pool"][i]]) for i in (0, 1))
        sizes = (config.estimator_width, config.estimator_steps)
        with shared_results.shared(file, key):
            estimator, _ = fit(config.credit, Snapshot.of(net, x, y), *sizes, self.seed, file, key, report)
        return estimated(estimator)


def _splits(config: Config) -> tuple[tables.Table, dict[str, tables.Rows]]:
    table = tables.with_label_noise(tables.load_table(config.data), config.label_noise, config.data_seed)
    sizes = {"train": config.train_size, "pool": config.pool_size}
    return table, tables.split(table, sizes, "test", config.data_seed)


def _named(config: Config, fields: str) -> str:
    return " ".join(f"{field}={getattr(config, field)}" for field in fields.split())


def _measure_credit(job: _Job, net: ResidualMLP, credit: Credit) -> None:
    x, y = job.data["pool"]
    given = credit(net, x, y)
    gammas, rms = quality.cosines(given, oracle(net, x, y)), quality.rms(given)
    few, draws = slice(RHO_ROWS), generator(job.seed, "rho")
    rhos = quality.rhos(net, x[few], y[few], given[:, few], job.config.rho_directions, draws)
    job.log.metrics({"credit_cosine": fmean(gammas), "credit_rho": fmean(rhos)})
    overall = rms.square().mean().sqrt().item()
    job.log.metrics({"credit_rms": overall, "credit_rms_mean_loss": overall / job.config.batch_size})
    rows = zip(range(1, net.depth + 1), gammas, rhos, rms.tolist(), strict=True)
    write_csv(job.log.artifact("per_layer.csv"), ["layer", "credit_cosine", "credit_rho", "credit_rms"], rows)
    job.advance()


def _measure_line_search(job: _Job, trials: Trials) -> None:
    curve: Search[Change] = search(trials.change, lambda change: change.same, *GRID, *GRID_BOUNDS)
    job.advance()
    best, eta = curve.results[curve.best], curve.etas[curve.best]
    job.log.metrics({"eta_best": eta, "eta_interior": float(curve.interior), **trials.first_step(eta)})
    job.log.metrics({"dl_online": trials.online(eta), **_chosen(job.config, best)})
    if "held_out" in job.config.evaluate_on:
        job.log.metric("dl_held_lowest", min(change.held for change in curve.results))
        if abs(best.same) > RATIO_FLOOR:
            job.log.metric("generalization_ratio", best.held / best.same)
    rows = [(eta, change.same, change.held) for eta, change in zip(curve.etas, curve.results, strict=True)]
    for index, (eta, same, held) in enumerate(rows):
        job.log.metrics({"curve_eta": eta, "curve_dl_same": same, "curve_dl_held": held}, index)
    write_csv(job.log.artifact("line_search.csv"), ["eta", "dl_same", "dl_held"], rows)
    job.advance()


def _measure_fixed_steps(job: _Job, trials: Trials) -> None:
    config = job.config
    marks = sorted({step for step in SERIES_STEPS if step < config.update_steps} | {config.update_steps})
    changes = trials.changes(config.eta, marks)
    job.advance()
    for step in marks:
        job.log.metrics(_chosen(config, changes[step]), step)
    job.log.metrics({"dl_online": trials.online(config.eta), **trials.first_step(config.eta)})
    job.advance()


def _chosen(config: Config, change: Change) -> dict[str, float]:
    values = {"same": ("dl_same", change.same), "held_out": ("dl_held", change.held)}
    return dict(values[rows] for rows in config.evaluate_on)
