"""What is measured of a fixed-point network: its loss, how far and how fast it settles, and its gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from experiments.parts.ep_contraction import adjoints
from experiments.parts.ep_contraction.adjoints import Free, Gradient
from experiments.parts.ep_contraction.net import FixedPointNet, leading, residual, settle
from experiments.parts.ep_contraction.training import Recipe, estimate, norm
from experiments.parts.ep_contraction.unrolled import bptt

Measured = dict[str, torch.Tensor]
"""Metric -> a value per seed, (S,); NaN where there is nothing to measure."""


@dataclass(frozen=True)
class Effort:
    """How far the search for z* goes, and the reference adjoint.

    Attributes:
        tolerance: residual at which a row has settled.
        most: relaxation steps.
    """

    tolerance: float
    most: int


def task(net: FixedPointNet, x: torch.Tensor, y: torch.Tensor, horizon: int) -> Measured:
    """Loss and accuracy at z_T over rows x (S, B, features), y (S, B)."""
    drive = net.drive(x)
    z = net.relax(net.start(drive), drive, horizon)
    hits = (net.logits(z).argmax(-1) == y).to(z.dtype)
    return {"ce": net.losses(z, y).mean(1), "accuracy": hits.mean(1)}


def relaxation(
    net: FixedPointNet, x: torch.Tensor, y: torch.Tensor, horizon: int, rho_rows: int, effort: Effort
) -> tuple[Measured, Free, torch.Tensor]:
    """How the free phase goes: residual and rho at z_T and at z*, and whether there is a z*.

    Args:
        rho_rows: the first so many rows are looked at for rho, which costs an eigenproblem each.

    Returns:
        (measured, the settled free phase, which rows have a z* (S, B)).
    """
    drive = net.drive(x)
    z = net.relax(net.start(drive), drive, horizon)
    star, exists = settle(net, z, drive, effort.tolerance, effort.most)
    here, _ = leading(net, z[:, :rho_rows])
    there, angle = leading(net, star[:, :rho_rows])
    measured = {
        "residual": residual(net, z, drive).mean(1),
        "residual_star": residual(net, star, drive).mean(1),
        "ce_star": net.losses(star, y).mean(1),
        "rho": here.mean(1),
        "rho_max": here.amax(1),
        "rho_star": there.mean(1),
        "rho_star_max": there.amax(1),
        "rho_angle": angle.mean(1),
        "star_exists": exists.to(z.dtype).mean(1),
        "adjoint_valid": exists.all(1).to(z.dtype),
    }
    return measured, Free(net, star, drive, y), exists


def gradients(recipe: Recipe, free: Free, rows: torch.Tensor, unroll: int, reference: int) -> Measured:
    """Cosines between the gradients of the rows that have a z* (elsewhere the exact adjoint is invalid).

    Args:
        free: where the adjoints are taken.
        rows: which rows have a z*, (S, B).
        unroll: steps that ``bptt`` goes through.
        reference: steps of the transpose adjoint that others are compared with: enough to converge.
    """

    def of(adjoint: torch.Tensor) -> Gradient:
        return adjoints.gradient(free, torch.where(rows.unsqueeze(-1), adjoint, 0.0))

    nudged = recipe if recipe.gradient == "holomorphic" else replace(recipe, gradient="ep")
    exact, converged = of(adjoints.oracle(free)), of(adjoints.transpose(free, reference))
    through_time = bptt(free.net, free.drive, free.y, unroll, rows)[1]
    cosines = {
        "cos_ep_transpose": cosine(of(estimate(nudged, free)), converged),
        "cos_truncated_transpose": cosine(of(adjoints.transpose(free, recipe.t2sel)), converged),
        "cos_oracle_transpose": cosine(exact, converged),
        "cos_transpose_bptt": cosine(converged, through_time),
        "cos_oracle_bptt": cosine(exact, through_time),
    }
    some = rows.any(1)
    return {name: torch.where(some, value, torch.nan) for name, value in cosines.items()}


def cosine(one: Gradient, other: Gradient) -> torch.Tensor:
    """Cosine between two gradients over both parameters, (S,)."""
    dot = sum((a * b).sum((1, 2)) for a, b in zip(one, other, strict=True))
    return dot / (norm(one) * norm(other))


def until(
    net: FixedPointNet, drive: torch.Tensor, rows: torch.Tensor, target: float, most: int
) -> tuple[torch.Tensor, int]:
    """(state, steps) of a free phase from the start until the rows' mean residual is within target."""
    z = net.start(drive)
    for step in range(most):
        if step and mean_residual(net, z, drive, rows).max() <= target:
            return z, step
        z = net.relax(z, drive, 1)
    return z, most


def mean_residual(
    net: FixedPointNet, z: torch.Tensor, drive: torch.Tensor, rows: torch.Tensor
) -> torch.Tensor:
    """Residual over some rows, (S,); 0 where there are none."""
    weight = rows.to(z.dtype)
    return (residual(net, z, drive) * weight).sum(1) / weight.sum(1).clamp_min(1.0)
