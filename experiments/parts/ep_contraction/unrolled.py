"""Gradients of the loss after exactly T steps, L(z_T): backwards through time, or forwards alone.

Both hold the products of Phi_z along the way, so they feel how fast the relaxation contracts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from experiments.parts.ep_contraction.adjoints import Gradient
from experiments.parts.ep_contraction.net import FixedPointNet, slope


def bptt(
    net: FixedPointNet, drive: torch.Tensor, y: torch.Tensor, steps: int, rows: torch.Tensor | None = None
) -> tuple[torch.Tensor, Gradient]:
    """(z_T, gradient of the mean loss there), by reverse differentiation of exactly ``steps`` steps.

    Args:
        rows: which rows the gradient is of, (S, B) bool; the others count as zero.
    """
    pushed, mixing = net.step_size * drive, net.step_size * net.weight
    z, seen = net.start(drive), []
    for _ in range(steps):
        seen.append(torch.tanh(z))
        z = torch.baddbmm(torch.add(pushed, z, alpha=net.keep), seen[-1], mixing.mT)
    back = net.loss_slope(z, y) / y.shape[1]
    back = back if rows is None else torch.where(rows.unsqueeze(-1), back, 0.0)
    credits = []
    for tanh in reversed(seen):
        credits.append(back)
        back = torch.bmm(back, mixing).mul_(1 - tanh.square()).add_(back, alpha=net.keep)
    credit, state = torch.cat(credits, 1), torch.cat(seen[::-1], 1)
    grads = torch.bmm(credit.mT, state), credit.sum(1, keepdim=True)
    return z, (net.step_size * grads[0], net.step_size * grads[1])


def forward_exact(
    net: FixedPointNet, drive: torch.Tensor, y: torch.Tensor, steps: int
) -> tuple[torch.Tensor, Gradient]:
    """(z_T, the same gradient) by eligibility traces e' = Phi_z e + eps dF/dp of every parameter (RTRL).

    A trace holds d (d + 1) parameters times d units for every row: for small d only.
    """
    width, z = net.width, net.start(drive)
    units = torch.eye(width, dtype=z.dtype, device=z.device)
    traces = z.new_zeros(*z.shape, width * width + width)  # (S, B, unit, parameter)
    for _ in range(steps):
        state = torch.tanh(z)
        moved = torch.matmul((net.weight.unsqueeze(1) * slope(z).unsqueeze(-2)), traces)
        by_weight = torch.einsum("ki,sbj->sbkij", units, state).flatten(-2)
        by_bias = units.expand(*z.shape, width)
        direct = torch.cat([by_weight, by_bias], -1)
        traces = net.keep * traces + net.step_size * (moved + direct)
        z = net.relax(z, drive, 1)
    error = (net.loss_slope(z, y) / y.shape[1]).unsqueeze(-2)
    by_parameter = torch.matmul(error, traces).squeeze(-2).sum(1)  # (S, parameter)
    weight, bias = by_parameter.split([width * width, width], -1)
    return z, (weight.unflatten(-1, (width, width)), bias.unsqueeze(1))


def forward_random(
    net: FixedPointNet,
    drive: torch.Tensor,
    y: torch.Tensor,
    steps: int,
    directions: int,
    draws: Sequence[torch.Generator],
) -> tuple[torch.Tensor, Gradient]:
    """(z_T, an unbiased estimate of the same gradient) from slopes along random directions.

    Each row has directions of its own, p q^T for W and r for b with entries +1 or -1: one trace per
    direction is carried along, and its slope weights the direction. The mean over rows then averages over
    rows times directions of them.

    Args:
        directions: per row.
        draws: one generator per seed, on the CPU.
    """
    seeds, rows, width = drive.shape
    signs = torch.stack([torch.randint(0, 2, (3, rows * directions, width), generator=g) for g in draws], 1)
    left, right, bias = (2 * signs - 1).to(drive.dtype).to(drive.device)
    z = net.start(drive)
    trace = z.new_zeros(seeds, rows * directions, width)
    mixing = net.step_size * net.weight.mT
    for _ in range(steps):
        state = torch.tanh(z)
        wide, gain = _each(state, directions), _each(1 - state.square(), directions)
        along = (wide * right).sum(-1, keepdim=True)
        direct = torch.addcmul(bias, left, along).mul_(net.step_size)
        direct.add_(trace, alpha=net.keep)
        trace = torch.baddbmm(direct, gain * trace, mixing)
        z = net.relax(z, drive, 1)
    slopes = (_each(net.loss_slope(z, y), directions) * trace).sum(-1, keepdim=True)
    weighted = slopes * left / (rows * directions)
    weighted_bias = slopes * bias / (rows * directions)
    return z, (torch.bmm(weighted.mT, right), weighted_bias.sum(1, keepdim=True))


def _each(rows: torch.Tensor, times: int) -> torch.Tensor:
    """Every row ``times`` times, (S, B times, d)."""
    return rows.repeat(1, times, 1)
