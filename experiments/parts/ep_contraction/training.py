"""Trains fixed-point networks, one per seed, side by side: Adam on W and b along a chosen gradient."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from experiments.parts.ep_contraction import adjoints
from experiments.parts.ep_contraction.adjoints import Free, Gradient
from experiments.parts.ep_contraction.net import FixedPointNet, settle
from experiments.parts.ep_contraction.penalties import penalty_gradient
from experiments.parts.ep_contraction.unrolled import bptt, forward_exact, forward_random
from experiments.parts.seeding import generator
from experiments.parts.tables import Rows

EXACT_UP_TO = 16  # units; beyond, eligibility traces follow random directions
BETAS, TINY = (0.9, 0.999), 1e-8  # Adam's usual values


@dataclass(frozen=True)
class Recipe:
    """How an update is made; the names are those of ``ep_contraction.Config``."""

    gradient: str
    horizon: int
    t2sel: int
    hr: float
    points: int
    directions: int
    refine_to: float
    refine_steps: int
    unsettled: str
    contraction_penalty: float
    rho_target: float
    resreg: float
    jacreg: float
    lr: float
    clip: float
    batch_size: int

    @property
    def penalties(self) -> dict[str, float]:
        return {"contraction": self.contraction_penalty, "residual": self.resreg, "jacobian": self.jacreg}


def estimate(recipe: Recipe, free: Free) -> torch.Tensor:
    """The adjoint at the end of a free phase, (S, B, d), as the recipe's equilibrium gradient has it."""
    if recipe.gradient == "oracle":
        return adjoints.oracle(free)
    if recipe.gradient == "transpose":
        return adjoints.transpose(free, recipe.t2sel)
    if recipe.gradient == "holomorphic":
        return adjoints.holomorphic(free, recipe.t2sel, recipe.hr, recipe.points)
    return adjoints.ep(free, recipe.t2sel, recipe.hr)


def task_gradient(
    recipe: Recipe, net: FixedPointNet, drive: torch.Tensor, y: torch.Tensor, draws: Sequence[torch.Generator]
) -> tuple[torch.Tensor, Gradient]:
    """(z_T, gradient of the mean loss by W and b).

    Args:
        draws: one generator per seed, for random directions.
    """
    if recipe.gradient == "bptt":
        return bptt(net, drive, y, recipe.horizon)
    if recipe.gradient == "forward" and net.width <= EXACT_UP_TO:
        return forward_exact(net, drive, y, recipe.horizon)
    if recipe.gradient == "forward":
        return forward_random(net, drive, y, recipe.horizon, recipe.directions, draws)
    z = net.relax(net.start(drive), drive, recipe.horizon)
    star, settled = settle(net, z, drive, recipe.refine_to, recipe.refine_steps)
    free = Free(net, star, drive, y)
    adjoint = estimate(recipe, free)
    if recipe.unsettled == "drop":
        adjoint = torch.where(settled.unsqueeze(-1), adjoint, 0.0)
    return z, adjoints.gradient(free, adjoint)


class Training:
    """The networks of several seeds on their way.

    Random numbers of an update come from the seed and the update's index, so that parameters, moments
    and that index are the whole state.

    Attributes:
        net: as it is now.
        step: updates made.
        skipped: updates per seed whose gradient was not finite, (S,); they left everything as it was.
        size: mean norm of the task gradient before clipping, over the updates since it was asked last.
    """

    def __init__(self, net: FixedPointNet, seeds: Sequence[int], rows: Rows, recipe: Recipe) -> None:
        self.net, self.seeds, self.rows, self.recipe = net, seeds, rows, recipe
        self.step = 0
        self.moments = [torch.zeros_like(p) for p in (net.weight, net.weight, net.bias, net.bias)]
        self.skipped = torch.zeros(len(seeds), device=net.weight.device)
        self._sizes: list[torch.Tensor] = []

    def advance(self, updates: int) -> None:
        """Makes so many updates."""
        for _ in range(updates):
            self._update()

    def take_size(self) -> torch.Tensor:
        """The mean gradient norm since this was asked last, (S,); zero if there was no update."""
        mean_size = torch.stack(self._sizes).mean(0) if self._sizes else torch.zeros_like(self.skipped)
        self._sizes = []
        return mean_size

    def _draws(self, purpose: str) -> list[torch.Generator]:
        return [generator(seed, purpose, self.step) for seed in self.seeds]

    def _batch(self) -> Rows:
        x, y = self.rows
        picks = [torch.randint(len(y), (self.recipe.batch_size,), generator=g) for g in self._draws("batch")]
        chosen = torch.stack(picks).to(y.device)
        return x[chosen], y[chosen]

    def _update(self) -> None:
        x, y = self._batch()
        recipe, net = self.recipe, self.net
        directions = self._draws("directions") if recipe.gradient == "forward" else ()
        z, task = task_gradient(recipe, net, net.drive(x), y, directions)
        size = norm(task)
        self._sizes.append(torch.nan_to_num(size, CAP, CAP, CAP).clamp(max=CAP))
        # Only the task is clipped: an adjoint near the margin is so large that a penalty clipped together
        # with it would vanish exactly where it is needed.
        total = [g * (recipe.clip / (size + TINY)).clamp(max=1.0)[:, None, None] for g in task]
        if any(recipe.penalties.values()):
            draws = self._draws("penalty")
            extra = penalty_gradient(net, z, x, recipe.penalties, recipe.rho_target, draws)
            total = [one + other for one, other in zip(total, extra, strict=True)]
        self._adam((total[0], total[1]))

    def _adam(self, grads: Gradient) -> None:
        self.step += 1
        usable = torch.isfinite(norm(grads))
        self.skipped = self.skipped + (~usable).to(self.skipped.dtype)
        moved = []
        for index, (value, grad) in enumerate(zip((self.net.weight, self.net.bias), grads, strict=True)):
            mean, square = self.moments[2 * index : 2 * index + 2]
            here = usable[:, None, None]
            mean = torch.where(here, BETAS[0] * mean + (1 - BETAS[0]) * grad, mean)
            square = torch.where(here, BETAS[1] * square + (1 - BETAS[1]) * grad.square(), square)
            self.moments[2 * index : 2 * index + 2] = [mean, square]
            first, second = mean / (1 - BETAS[0] ** self.step), square / (1 - BETAS[1] ** self.step)
            moved.append(torch.where(here, value - self.recipe.lr * first / (second.sqrt() + TINY), value))
        self.net = self.net.with_(*moved)

    def state(self, index: int) -> dict[str, Any]:
        """Everything that the training of one seed goes on from."""
        tensors = [self.net.weight, self.net.bias, *self.moments, self.skipped]
        return {"step": self.step, "tensors": [t[index].clone().cpu() for t in tensors]}

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Goes on from the states of all seeds, which are equally far."""
        self.step = states[0]["step"]
        device = self.net.weight.device
        parts = [torch.stack(parts).to(device) for parts in zip(*(s["tensors"] for s in states), strict=True)]
        self.net, self.moments, self.skipped = self.net.with_(*parts[:2]), parts[2:6], parts[6]


CAP = 1e6
"""What a metric that overflows is recorded as."""


def norm(grads: Gradient) -> torch.Tensor:
    """The norm of a gradient over both parameters, (S,)."""
    return torch.stack([grad.square().sum((1, 2)) for grad in grads]).sum(0).sqrt()


def save(file: Path, key: str, state: Mapping[str, Any], history: Sequence[Mapping[str, float]]) -> None:
    """Writes one seed's checkpoint aside and renames it, so that a kill leaves the previous one whole."""
    aside = file.with_suffix(".partial")
    torch.save({"key": key, "state": dict(state), "history": [dict(row) for row in history]}, aside)
    os.replace(aside, file)


def load(file: Path, key: str) -> tuple[dict[str, Any] | None, list[dict[str, float]]]:
    """(state, what was measured so far) of one seed; nothing where no sound checkpoint of this key is."""
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # not there, or damaged: torch raises UnpicklingError, RuntimeError or EOFError
        return None, []
    if not isinstance(held, dict) or held.get("key") != key:
        return None, []
    return held["state"], list(held["history"])
