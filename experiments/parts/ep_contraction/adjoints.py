"""Gradients of the loss at equilibrium, L(z*): all end in an adjoint Lambda with F_z^T Lambda = -L_z.

The gradient is then L_theta + d<Lambda, F>/dtheta at z*. It has no term for how fast z* is reached.

==============  ===================================================================================
``oracle``      solves for Lambda: directly up to 64 units, by GMRES beyond
``transpose``   relaxes Lambda' = F_z^T Lambda + L_z for ``t2sel`` steps: the truncated adjoint
``ep``          two nudged relaxations at +hr and -hr, Lambda = (z_-hr - z_+hr) / 2 hr
``holomorphic`` N nudged relaxations at hr exp(2 pi i k / N), and their first Fourier coefficient
==============  ===================================================================================

F_z is not symmetric. The nudged relaxations therefore follow F(z) - (F_z - F_z^T)(z - z*) - beta L_z(z),
whose linearisation at z* is F_z^T (z - z*) - beta L_z. Source: Scellier et al., arXiv:1808.04873 (the
correction); Laborieux and Zenke, arXiv:2209.00530 (the complex circle).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from experiments.parts.ep_contraction.gmres import gmres
from experiments.parts.ep_contraction.net import FixedPointNet, slope

DIRECT_UP_TO = 64  # units; beyond, a matrix per row takes more memory than a Krylov basis

Gradient = tuple[torch.Tensor, torch.Tensor]
"""Of the mean loss by W and by b: (S, d, d) and (S, 1, d)."""


@dataclass(frozen=True)
class Free:
    """A free phase that has ended, and what its adjoints start from.

    Attributes:
        net: the network.
        z: where it ended, (S, B, d).
        drive: U x + b, (S, B, d).
        y: labels, (S, B).
    """

    net: FixedPointNet
    z: torch.Tensor
    drive: torch.Tensor
    y: torch.Tensor

    @property
    def slopes(self) -> torch.Tensor:
        return slope(self.z)

    @property
    def loss_slope(self) -> torch.Tensor:
        return self.net.loss_slope(self.z, self.y)


def gradient(free: Free, adjoint: torch.Tensor) -> Gradient:
    """d<Lambda, F>/d(W, b), the mean over rows; Lambda (S, B, d) is that of each row's own loss."""
    share = adjoint / adjoint.shape[1]
    return torch.bmm(share.mT, torch.tanh(free.z)), share.sum(1, keepdim=True)


def oracle(free: Free) -> torch.Tensor:
    """The exact adjoint, (S, B, d); not finite where F_z is singular."""
    net, goal = free.net, -free.loss_slope
    if net.width > DIRECT_UP_TO:
        slopes = free.slopes
        return gmres(lambda v: net.pull(v, slopes), goal)[0]
    return torch.linalg.solve_ex(net.jacobian(free.z).mT, goal.unsqueeze(-1))[0].squeeze(-1)


def transpose(free: Free, steps: int) -> torch.Tensor:
    """The adjoint after so many relaxation steps from zero, (S, B, d)."""
    net, pushed = free.net, free.net.step_size * free.loss_slope
    gain, mixing = free.slopes, net.step_size * net.weight
    adjoint = torch.zeros_like(pushed)
    for _ in range(steps):
        pulled = torch.bmm(adjoint, mixing).mul_(gain)
        adjoint = pulled.add_(adjoint, alpha=net.keep).add_(pushed)
    return adjoint


def ep(free: Free, steps: int, radius: float) -> torch.Tensor:
    """The adjoint from two real nudges, (S, B, d). A nudge of +beta moves z against Lambda."""
    ahead, behind = _nudged(free, [radius, -radius], steps)
    return (behind - ahead) / (2 * radius)


def holomorphic(free: Free, steps: int, radius: float, points: int) -> torch.Tensor:
    """The adjoint from nudges on a circle in the complex plane, (S, B, d).

    With N points the error is of order radius^N, where the circle holds no singularity.
    """
    turns = [complex(math.cos(a), math.sin(a)) for a in (2 * math.pi * k / points for k in range(points))]
    states = _nudged(free, [radius * turn for turn in turns], steps)
    total = torch.stack([state * turn.conjugate() for state, turn in zip(states, turns, strict=True)]).sum(0)
    return -total.real / (points * radius)


def _nudged(free: Free, strengths: list[float] | list[complex], steps: int) -> list[torch.Tensor]:
    """The states after nudged relaxations from z*, side by side along the rows."""
    net, many, rows = free.net, len(strengths), free.z.shape[1]
    kind = torch.promote_types(free.z.dtype, torch.tensor(strengths).dtype)
    weight, readout = net.weight.to(kind), net.readout.to(kind)
    star, slopes = free.z.repeat(1, many, 1).to(kind), free.slopes.repeat(1, many, 1).to(kind)
    goal = torch.nn.functional.one_hot(free.y, readout.shape[-1]).repeat(1, many, 1).to(kind)
    beta = torch.tensor(strengths, dtype=kind, device=star.device).repeat_interleave(rows)[:, None]
    drive = free.drive.repeat(1, many, 1).to(kind)
    z = star
    for _ in range(steps):
        shift = z - star
        # F(z) - (F_z - F_z^T)(z - z*): the leak is symmetric, so it drops out of the correction.
        mixed = torch.baddbmm(drive, torch.tanh(z) - shift * slopes, weight.mT)
        force = mixed + torch.bmm(shift, weight) * slopes - net.damping * z
        nudge = torch.bmm(_softmax(torch.bmm(z, readout)) - goal, readout.mT)
        z = z + net.step_size * (force - beta * nudge)
    return list(z.split(rows, 1))


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    """Softmax, also of complex logits: analytic, and shifted by a real number so as not to overflow."""
    if not logits.is_complex():
        return torch.softmax(logits, -1)
    raised = torch.exp(logits - logits.real.amax(-1, keepdim=True))
    return raised / raised.sum(-1, keepdim=True)
