"""Weights of several losses that are learnt with the network (Kendall, Gal & Cipolla 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

LIMIT = 2.0  # bound on |log sigma|: weights stay within exp(-4)/2 and exp(4)/2


class Uncertainty(nn.Module):
    """One log sigma per task; the total is the sum of L / (2 sigma^2) + log sigma.

    Args:
        tasks: names of the losses.
        learnt: otherwise every weight is 1 and the total is the plain sum.
    """

    def __init__(self, tasks: Sequence[str], learnt: bool = True) -> None:
        super().__init__()
        self._index = {task: i for i, task in enumerate(tasks)} if learnt else {}
        self.log_sigma = nn.Parameter(torch.zeros(len(self._index)))

    def clamped(self, task: str) -> torch.Tensor:
        """log sigma within its bounds, a scalar."""
        return self.log_sigma[self._index[task]].clamp(-LIMIT, LIMIT)

    def weight(self, task: str) -> torch.Tensor | float:
        """What the task's loss is multiplied by."""
        return torch.exp(-2 * self.clamped(task)) / 2 if self._index else 1.0

    def forward(self, losses: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The total, a scalar."""
        terms = [self.weight(task) * loss for task, loss in losses.items()]
        terms += [self.clamped(task) for task in losses if self._index]
        return torch.stack(terms).sum()

    def sigmas(self) -> dict[str, float]:
        """sigma by task; none where none is learnt."""
        return {task: self.clamped(task).exp().item() for task in self._index}
