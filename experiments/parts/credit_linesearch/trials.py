"""Trials of the local update from one snapshot: what it does to the loss, and on which rows."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import torch
from torch.nn import functional as F

from experiments.parts.credit_linesearch.credits import Credit
from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP, mean_loss
from experiments.parts.credit_linesearch.update import (
    Gradients,
    Rule,
    apply_step,
    clamped_share,
    relative_step,
    surrogate_gradients,
)
from experiments.parts.seeding import generator
from experiments.parts.tables import Rows

LIMIT = 1e3  # bound on what is measured; a step that overflows counts as a rise of this many nats


@dataclass(frozen=True)
class Change:
    """Change of the mean loss, in nats: on the rows that made the update, and on held-out rows."""

    same: float
    held: float


class Trials:
    """The same update from one snapshot, tried once from each batch of the pool.

    Args:
        net: the snapshot; never changed.
        credit, rule: what makes the update.
        pool: rows that updates are made from, cut into batches in an order that the seed gives.
        held: rows that no update sees.
        steps: SGD steps in an update.
        fresh: how many batches an update uses before it starts over with its first one.
    """

    def __init__(
        self,
        net: ResidualMLP,
        credit: Credit,
        rule: Rule,
        pool: Rows,
        held: Rows,
        batch_size: int,
        steps: int,
        fresh: int,
        seed: int,
    ) -> None:
        self._net, self._credit, self._rule = net, credit, rule
        self._pool, self._held, self._steps = pool, held, steps
        self._sequences = sequences(len(pool[1]), batch_size, fresh, seed)
        self._passes = sequences(len(pool[1]), batch_size, len(pool[1]) // batch_size, seed)
        with torch.no_grad():
            self._before = F.cross_entropy(net(pool[0]), pool[1], reduction="none")
        self._held_before = mean_loss(net, *held)
        # Every step size starts from the same gradient.
        self._first = [self._gradients(net, batches[0]) for batches in self._sequences]

    def change(self, eta: float) -> Change:
        """The change after the last step, mean over the trials."""
        return self.changes(eta, [self._steps])[self._steps]

    def changes(self, eta: float, after: Collection[int]) -> dict[int, Change]:
        """The change after each of these numbers of steps, mean over the trials."""
        walks = [self._walk(index, eta, after) for index in range(len(self._sequences))]
        return {
            step: Change(fmean(walk[step].same for walk in walks), fmean(walk[step].held for walk in walks))
            for step in after
        }

    def online(self, eta: float) -> float:
        """The update goes on over the pool, one step a batch, each batch once.

        Returns:
            mean, over steps and starting batches, of the change that a step makes to the loss on the
            batch that comes next; nats.
        """
        loss_changes = []
        for batches in self._passes:
            net = copy.deepcopy(self._net)
            for rows, following in pairwise(batches):
                before = self._loss(net, following)
                apply_step(net, self._gradients(net, rows), eta, self._rule)
                loss_changes.append(capped(self._loss(net, following) - before))
        return fmean(loss_changes)

    def first_step(self, eta: float) -> dict[str, float]:
        """What the first step is like: ``relative_step``, and ``clamped_share`` where there is a clamp."""
        sizes = [capped(relative_step(self._net, gradients, eta, self._rule)) for gradients in self._first]
        measures = {"relative_step": fmean(sizes)}
        if self._rule.clamp is not None:
            measures["clamped_share"] = fmean(clamped_share(g, self._rule.clamp) for g in self._first)
        return measures

    def _walk(self, index: int, eta: float, after: Collection[int]) -> dict[int, Change]:
        net, batches, changes = copy.deepcopy(self._net), self._sequences[index], {}
        for step in range(self._steps):
            rows = batches[step % len(batches)]
            gradients = self._gradients(net, rows) if step else self._first[index]
            apply_step(net, gradients, eta, self._rule)
            if step + 1 in after:
                changes[step + 1] = self._measured(net, torch.cat(batches[: step + 1]).unique())
        return changes

    def _measured(self, net: ResidualMLP, used: torch.Tensor) -> Change:
        same = self._loss(net, used) - self._before[used].mean().item()
        return Change(capped(same), capped(mean_loss(net, *self._held) - self._held_before))

    def _gradients(self, net: ResidualMLP, rows: torch.Tensor) -> Gradients:
        return surrogate_gradients(net, self._pool[0][rows], self._pool[1][rows], self._credit, self._rule)

    def _loss(self, net: ResidualMLP, rows: torch.Tensor) -> float:
        return mean_loss(net, self._pool[0][rows], self._pool[1][rows])


def sequences(rows: int, batch_size: int, length: int, seed: int) -> list[list[torch.Tensor]]:
    """Sequences of ``length`` batches (row indices), one starting from each batch of the first pass.

    No row comes twice within a pass over the pool; the second pass and later ones are shuffled anew.
    """
    per_pass = rows // batch_size
    passes = []
    for number in range(-(-length // per_pass)):
        order = torch.randperm(rows, generator=generator(seed, "pool", number))
        passes.append(list(order[: per_pass * batch_size].split(batch_size)))
    later = [batch for batches in passes[1:] for batch in batches]
    return [(passes[0][i:] + passes[0][:i] + later)[:length] for i in range(per_pass)]


def capped(value: float) -> float:
    """The value within +-LIMIT; one that is not finite counts as LIMIT, the largest rise."""
    return max(-LIMIT, min(value, LIMIT)) if math.isfinite(value) else LIMIT
