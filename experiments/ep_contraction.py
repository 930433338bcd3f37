"""Why does training at equilibrium diverge where BPTT does not: a poor estimator, or the wrong objective?

A network relaxes for T steps, z' = z + eps F(z, x), and its logits are read off z_T. BPTT differentiates
L(z_T). Equilibrium gradients differentiate L(z*), which has no term for how fast z* is reached. If the exact
one, solved for, diverges too, a better estimator is no cure.

Arms: ``gradient`` is ``bptt``; ``oracle`` (the adjoint at z*, solved for); ``transpose`` (that adjoint after
``t2sel`` relaxation steps); ``ep`` (two nudged relaxations of ``t2sel`` steps at radius ``hr``, corrected for
an asymmetric Jacobian); ``holomorphic`` (``points`` nudges on a circle of radius ``hr``); or ``forward``
(eligibility traces of the T steps: exact up to 16 units, else along ``directions`` random ones a row).
``contraction_penalty`` (homeostat, on growth above ``rho_target``), ``resreg`` (squared residual at z_T) and
``jacreg`` (size of the Jacobian) add local terms. ``start`` is ``scratch`` or ``pre_drift_checkpoint``: the
network after ``checkpoint_steps`` of ``checkpoint_gradient``, the same for all arms of a seed. ``measure:
gradient_only`` trains no further: it compares gradients at the start, in double precision.

Metrics (unit; better), by update. "Rows" are the first of the validation split, the same at every look.
    ``ce`` (nats; lower), ``accuracy``: over the validation split at z_T; ``ce_star``: over the rows at z*.
    ``val_ce_best`` (nats; lower): lowest ce so far. It is chosen on the split that it is measured on.
    ``residual`` (relative force; lower): |F| / |z| at z_T. The step residual is eps times it, which shrinks
    with eps by definition. ``residual_late``: the same over the second half of the updates;
    ``residual_star``: at the refined state.
    ``rho``, ``rho_max`` (spectral radius; neither): of Phi_z at z_T, mean and largest over rows.
    ``rho_star``, ``rho_star_max``: at z*, or where the search for it ended, up to the last look before a
    run diverges: afterwards nothing settles, and the tanh saturates, so that rho falls. ``rho_angle``
    (radians per step): of the leading eigenvalue there; away from 0 the slowest mode oscillates. The CSV
    file has all of them at every look.
    ``star_exists`` (share of rows; higher): rows whose relaxation settles within ``search_steps``.
    ``adjoint_valid`` (flag; higher): 1 where all do; 0 says *exact adjoint invalid* for the others.
    ``cos_ep_transpose``, ``cos_truncated_transpose``, ``cos_oracle_transpose``, ``cos_transpose_bptt``,
    ``cos_oracle_bptt`` (cosine; higher): between gradients of the rows that have a z*; left out where none
    has. ``transpose`` is the converged one, ``truncated`` that of ``t2sel`` steps.
    ``diverged`` (flag; lower): 1 from the look at which ce is twice its lowest so far. ``diverged_at``
    (update), only where it happens; ``steps_survived`` (updates; higher): until then, or all.
    ``grad_norm`` (nats; neither): of the task before clipping, mean since the last look, at most 1e6;
    ``skipped_updates`` (count; lower): whose gradient was not finite.
    ``update`` (updates; neither): the step again, for figures.
    ``unroll_steps`` (steps; neither), gradient_only: that BPTT went through; all of them with ``refine_to``.

Budget, one thread: smoke under 1 s; standard 2 to 8 s (the search for z* is most of it); full, with the
source's T of 150, tens of minutes.

If the claim is false, ``oracle`` keeps ``rho_star`` below 1 and its ``ce`` follows that of ``bptt``.

Replicates: the seed drives weights, batches, directions and probes. The split has ``data_seed``. Seeds
train side by side or alone with the same numbers, bit for bit on a CPU.

Source: ``001_3efc3c7af5a14df5.txt`` (there T = 150, on a larger model). Only W and b train: with input and
readout weights trained too, nothing diverges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import torch

from experiments.contract import Data, MetricLog
from experiments.parts import shared_results, tables
from experiments.parts.ep_contraction import probe
from experiments.parts.ep_contraction.adjoints import Free
from experiments.parts.ep_contraction.config import SETTLED, Config
from experiments.parts.ep_contraction.net import FixedPointNet, build
from experiments.parts.ep_contraction.probe import Effort
from experiments.parts.ep_contraction.training import Training
from experiments.parts.ep_contraction.trajectory import Trajectory, per_seed, write_csv

TOGETHER = 6
PRECISE = Effort(1e-10, 5000)


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {"width": 24, "horizon": 20, "steps": 75, "search_steps": 300, "rows": 32, "rho_rows": 8},
    "standard": {},
    "full": {"width": 128, "horizon": 150, "steps": 4000, "track_every": 100, "rows": 256, "rho_rows": 64},
}


def describe(config: Config) -> Data:
    """The rows of each split."""
    table, splits = _splits(config)
    return Data(
        name=table.name,
        digest=tables.digest(splits),
        sizes={name: len(rows[1]) for name, rows in splits.items()},
        overlap=tables.overlap(splits["train"][0], splits["val"][0]),
        files=table.files,
    )


def run(config: Config, seed: int, log: MetricLog) -> None:
    """Trains one network and looks at it on the way, or compares gradients at its start."""
    run_together(config, [seed], [log])


def run_together(config: Config, seeds: Sequence[int], logs: Sequence[MetricLog]) -> None:
    """Does for several seeds what ``run`` does for each, with the same numbers.

    Seeds that were interrupted at different points go on in groups that are equally far.
    """
    job = _Job(config)
    if config.measure == "gradient_only":
        for seed, log in zip(seeds, logs, strict=True):
            job.compare_gradients(seed, log)
        return
    trajectories = [Trajectory(seed, log, job.key(seed)) for seed, log in zip(seeds, logs, strict=True)]
    for _, equally_far in groupby(sorted(trajectories, key=_looks_done), _looks_done):
        job.train(list(equally_far))


def _looks_done(trajectory: Trajectory) -> int:
    return len(trajectory.history)


class _Job:
    """One arm: its data and how its networks are made, trained and looked at."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.table, splits = _splits(config)
        self.digest = tables.digest(splits)
        self.data = tables.standardised(splits, "train", config.device)

    def key(self, seed: int) -> str:
        """Everything that a training depends on."""
        return f"{self.digest} {seed} {self.config.model_dump_json()}"

    def begin(self, seeds: Sequence[int]) -> FixedPointNet:
        """The networks that the arm starts from."""
        config, features = self.config, self.table.x.shape[1]
        net = build(seeds, features, config.width, self.table.classes, config.step_size, config.damping)
        parts = {name: getattr(net, name).to(config.device) for name in ("inputs", "readout")}
        trained = net.weight, net.bias
        if config.start == "pre_drift_checkpoint":
            checkpoints = [_checkpoint(config.of_checkpoint, self.digest, seed) for seed in seeds]
            trained = torch.stack([w for w, _ in checkpoints]), torch.stack([b for _, b in checkpoints])
        weight, bias = (part.to(config.device) for part in trained)
        return FixedPointNet(weight, bias, **parts, step_size=config.step_size, damping=config.damping)

    def trainer(self, seeds: Sequence[int]) -> Training:
        return Training(self.begin(seeds), seeds, self.data["train"], self.config.recipe)

    def train(self, trajectories: Sequence[Trajectory]) -> None:
        """Trains seeds that are equally far, from look to look."""
        first, looks = self.config.first_step, self.config.looks
        trainer = self.trainer([trajectory.seed for trajectory in trajectories])
        done = _looks_done(trajectories[0])
        if done:
            trainer.restore([trajectory.state or {} for trajectory in trajectories])
        for trajectory in trajectories:
            for measured in trajectory.history:
                trajectory.record(measured, looks[-1])
        for look in looks[done:]:
            trainer.advance(look - first - trainer.step)
            for index, (trajectory, measured) in enumerate(
                zip(trajectories, self.look(trainer, look), strict=True)
            ):
                trajectory.add(measured, trainer, index, looks[-1])
            for trajectory in trajectories:
                trajectory.log.progress(look, looks[-1])
        for trajectory in trajectories:
            write_csv(trajectory.log, "trajectory.csv", trajectory.history)

    def look(self, trainer: Training, step: int) -> list[dict[str, float]]:
        """What the networks are like now: one mapping per seed."""
        config, net = self.config, trainer.net
        effort = Effort(SETTLED, config.search_steps)
        metrics = probe.task(net, *self._rows(net.seeds, None), config.horizon)
        x, y = self._rows(net.seeds, config.rows)
        settling, free, exists = probe.relaxation(net, x, y, config.horizon, config.rho_rows, effort)
        metrics |= settling
        metrics |= probe.gradients(config.recipe, free, exists, config.horizon, effort.most)
        metrics |= {"grad_norm": trainer.take_size(), "skipped_updates": trainer.skipped}
        return [{"step": float(step), **measured} for measured in per_seed(metrics)]

    def compare_gradients(self, seed: int, log: MetricLog) -> None:
        """Measures the gradients at the arm's start, on the fixed rows, in double precision."""
        config, effort = self.config, PRECISE
        net = self.begin([seed]).one(0, torch.float64)
        x, y = self._rows(1, config.rows)
        metrics, free, exists = probe.relaxation(net, x.double(), y, config.horizon, config.rho_rows, effort)
        every_x, every_y = self._rows(1, None)
        metrics |= probe.task(net, every_x.double(), every_y, config.horizon)
        unroll = config.horizon
        if config.refine_to is not None:
            z, unroll = probe.until(net, free.drive, exists, config.refine_to, effort.most)
            free = Free(net, z, free.drive, y)
            metrics["residual"] = probe.mean_residual(net, z, free.drive, exists)
        metrics |= probe.gradients(config.recipe, free, exists, unroll, effort.most)
        measured = per_seed(metrics)[0] | {"unroll_steps": float(unroll)}
        log.metrics(measured)
        write_csv(log, "gradients.csv", [measured])
        log.progress(1, 1)

    def _rows(self, seeds: int, first: int | None) -> tables.Rows:
        """Validation rows, the same for every seed."""
        x, y = (part[:first] for part in self.data["val"])
        return x.expand(seeds, -1, -1).contiguous(), y.expand(seeds, -1).contiguous()


def _checkpoint(config: Config, digest: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(W, b) of the network that all arms of a seed start from; the first of them trains it."""

    def train() -> dict[str, torch.Tensor]:
        trainer = _Job(config).trainer([seed])
        trainer.advance(config.steps)
        return {"weight": trainer.net.weight[0].detach(), "bias": trainer.net.bias[0].detach()}

    held = shared_results.once(f"{digest} {seed} {config.model_dump_json()}", train)
    return held["weight"], held["bias"]


def _splits(config: Config) -> tuple[tables.Table, dict[str, tables.Rows]]:
    table = tables.load_table(config.data)
    return table, tables.split(table, {"train": config.train_size}, "val", config.data_seed)
