"""Local terms that speak of the relaxation and not of its end: added to any gradient.

All are taken at z_T, which is held fixed, so that each needs the forward dynamics only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from experiments.parts.ep_contraction.adjoints import Gradient
from experiments.parts.ep_contraction.net import FixedPointNet, slope

ALIGN, MEASURE = 15, 4  # steps that turn a random vector to the slowest mode; steps that gauge it


def contraction(net: FixedPointNet, z: torch.Tensor, rho_target: float, v: torch.Tensor) -> torch.Tensor:
    """mean relu(log growth of v per step of Phi_z - log rho*), (S,): the homeostat.

    Args:
        v: random vectors, (S, B, d).
    """
    slopes = slope(z)
    with torch.no_grad():
        for _ in range(ALIGN):
            v = v + net.step_size * net.push(v, slopes)
            v = v / v.norm(dim=-1, keepdim=True)
    for _ in range(MEASURE):
        v = v + net.step_size * net.push(v, slopes)
    growth = v.norm(dim=-1).log() / MEASURE
    return torch.relu(growth - math.log(rho_target)).mean(1)


def squared_residual(net: FixedPointNet, z: torch.Tensor, drive: torch.Tensor) -> torch.Tensor:
    """mean |F|^2 / |z|^2, (S,)."""
    return (net.force(z, drive).square().sum(-1) / z.square().sum(-1).clamp_min(1e-6)).mean(1)


def jacobian_size(net: FixedPointNet, z: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """An estimate of mean |W diag(tanh')|_F^2 / d, (S,), from random vectors v (S, B, d).

    Source: Bai et al., Stabilizing equilibrium models by Jacobian regularization, arXiv:2106.14342.
    """
    return (torch.bmm(v, net.weight) * slope(z)).square().mean((1, 2))


def penalty_gradient(
    net: FixedPointNet,
    z: torch.Tensor,
    x: torch.Tensor,
    weights: dict[str, float],
    rho_target: float,
    draws: Sequence[torch.Generator],
) -> Gradient:
    """Gradient by W and b of the weighted sum of the penalties at z (S, B, d).

    Args:
        weights: ``contraction``, ``residual`` and ``jacobian``; those at 0 cost nothing.
        draws: one generator per seed, on the CPU.
    """
    weight, bias = net.weight.detach().requires_grad_(), net.bias.detach().requires_grad_()
    live = net.with_(weight, bias)
    v = torch.stack([torch.randn(z.shape[1:], generator=g) for g in draws]).to(z.device, z.dtype)
    total = (weight.sum((1, 2)) + bias.sum((1, 2))) * 0.0
    if weights["contraction"]:
        total = total + weights["contraction"] * contraction(live, z, rho_target, v)
    if weights["residual"]:
        total = total + weights["residual"] * squared_residual(live, z, live.drive(x))
    if weights["jacobian"]:
        total = total + weights["jacobian"] * jacobian_size(live, z, v)
    grads = torch.autograd.grad(total.sum(), (weight, bias))
    return grads[0], grads[1]
