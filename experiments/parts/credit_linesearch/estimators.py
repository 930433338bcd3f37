"""Estimators of credit: fitted at a frozen snapshot, without a gradient through the hidden blocks."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from experiments.parts.credit_linesearch.credits import Credit, loss_slope, output_error, unit_directions
from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP
from experiments.parts.seeding import generator, seeded
from experiments.parts.stages import History, train_in_stages

DIRECTIONS = 4  # the M of vec_m4
BOOTSTRAP_NOISE = 0.05  # added to the states that the value network is bootstrapped from
TARGET_DECAY = 0.99  # moving average of the value network that gives the bootstrap targets
LEARNING_RATE = 1e-3
FIT_BATCH = 64
FIT_STAGES = 10  # checkpoints during a fit


class Estimator(nn.Module):
    """A small network on (LN h, l/L, e); maps (L, n, width) states to (L, n, out)."""

    def __init__(self, width: int, classes: int, hidden: int, out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.body = nn.Sequential(
            nn.Linear(width + classes + 1, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, out),
        )

    def forward(self, states: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        layers, n = states.shape[:2]
        depth = torch.arange(1, layers + 1, device=states.device, dtype=states.dtype) / layers
        depth = depth[:, None, None].expand(layers, n, 1)
        return self.body(torch.cat([self.norm(states), depth, error.expand(layers, n, -1)], dim=2))


@dataclass(frozen=True)
class Snapshot:
    """A frozen network and the rows that an estimator is fitted on.

    Attributes:
        net: the network; never changed.
        states: outputs of its blocks for the rows, (L, rows, width).
        error: softmax - onehot, (rows, classes).
        y: classes, (rows,).
    """

    net: ResidualMLP
    states: torch.Tensor
    error: torch.Tensor
    y: torch.Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, net: ResidualMLP, x: torch.Tensor, y: torch.Tensor) -> Snapshot:
        return cls(net, torch.stack(net.states(x)[1:]), output_error(net, x, y), y)


class VecM4(nn.Module):
    """a_phi(LN h, l/L, e), fitted by forward passes only to the loss slopes along random directions."""

    def __init__(self, width: int, classes: int, hidden: int) -> None:
        super().__init__()
        self.estimator = Estimator(width, classes, hidden, width)

    def fit_loss(self, snapshot: Snapshot, rows: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Mean over layers, rows and M = 4 fresh directions of (<a, u> - slope along u)^2."""
        guesses = self.estimator(snapshot.states[:, rows], snapshot.error[rows])
        total = guesses.new_zeros(())
        for layer, guess in enumerate(guesses, start=1):
            h = snapshot.states[layer - 1, rows]
            u = unit_directions(h, DIRECTIONS, draws)
            with torch.no_grad():
                slope = loss_slope(snapshot.net, h, layer, snapshot.y[rows], u)
            total = total + ((guess * u).sum(2) - slope).pow(2).mean()
        return total / len(guesses)

    def after_step(self) -> None:
        """Nothing follows a step."""

    def forward(self, states: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.estimator(states, error)


class ScalarCB(nn.Module):
    """A value network V_phi(LN h, l/L, e), tied to the loss at the last layer and bootstrapped backwards.

    Its credit is the derivative of V with respect to h.
    """

    def __init__(self, width: int, classes: int, hidden: int) -> None:
        super().__init__()
        self.estimator = Estimator(width, classes, hidden, 1)
        self.target = copy.deepcopy(self.estimator).requires_grad_(False)

    def fit_loss(self, snapshot: Snapshot, rows: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Squared errors: value and gradient at layer L; value against the target of l+1 below it."""
        error, states = snapshot.error[rows], snapshot.states[:, rows]
        last = states[-1].clone().requires_grad_()
        losses = F.cross_entropy(
            snapshot.net.tail(last, snapshot.net.depth), snapshot.y[rows], reduction="none"
        )
        (slope,) = torch.autograd.grad(losses.sum(), last)
        probed = torch.cat([states[:-1], last.detach()[None]]).requires_grad_()
        values = self.estimator(probed, error)[..., 0]
        (tied,) = torch.autograd.grad(values[-1].sum(), probed, create_graph=True)
        loss = (values[-1] - losses.detach()).pow(2).mean() + (tied[-1] - slope).pow(2).sum(1).mean()
        noise = torch.randn(states.shape, generator=draws).to(states)
        with torch.no_grad():
            ahead = self.target(states + BOOTSTRAP_NOISE * noise, error)[1:, :, 0]
        return loss + (values[:-1] - ahead).pow(2).mean(1).sum()

    @torch.no_grad()
    def after_step(self) -> None:
        """Moves the target towards the estimator."""
        for slow, fast in zip(self.target.parameters(), self.estimator.parameters(), strict=True):
            slow.lerp_(fast, 1 - TARGET_DECAY)

    def forward(self, states: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            h = states.detach().requires_grad_()
            return torch.autograd.grad(self.estimator(h, error).sum(), h)[0]


def fit(
    kind: str,
    snapshot: Snapshot,
    hidden: int,
    steps: int,
    seed: int,
    file: Path,
    key: str,
    on_stage: Callable[[int, dict[str, float]], None],
) -> tuple[VecM4 | ScalarCB, History]:
    """Fits the estimator ``vec_m4`` or ``scalar_cb`` at a snapshot, with Adam and a cosine schedule.

    Args:
        kind: which estimator.
        snapshot: it, and the rows to fit on.
        hidden: width of the estimator.
        steps: batches in the whole fit.
        seed: drives initialisation, batches and directions.
        file, key, on_stage: as in :func:`train_in_stages`; there are FIT_STAGES stages.
    """
    with seeded(seed, kind, "init"):
        model = {"vec_m4": VecM4, "scalar_cb": ScalarCB}[kind](
            snapshot.states.shape[2], snapshot.error.shape[1], hidden
        )
    model.to(snapshot.states.device)
    optimizer = torch.optim.Adam(model.estimator.parameters(), LEARNING_RATE)
    bounds = [steps * stage // FIT_STAGES for stage in range(FIT_STAGES + 1)]

    def stage(index: int) -> dict[str, float]:
        draws, loss = generator(seed, kind, "fit", index), torch.zeros(())
        for step in range(bounds[index], bounds[index + 1]):
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2
            rows = torch.randint(len(snapshot.y), (FIT_BATCH,), generator=draws).to(snapshot.y.device)
            loss = model.fit_loss(snapshot, rows, draws)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            model.after_step()
        return {"estimator_loss": loss.item()}

    history = train_in_stages(model, optimizer, stage, FIT_STAGES, file, key, on_stage)
    return model.requires_grad_(False), history


def estimated(model: VecM4 | ScalarCB) -> Credit:
    """The credit of a fitted estimator; it reads states and output error, never a hidden gradient."""

    def credit(net: ResidualMLP, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            states = torch.stack(net.states(x)[1:])
        return model(states, output_error(net, x, y))

    return credit
