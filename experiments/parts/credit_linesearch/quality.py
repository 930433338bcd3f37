"""How good a credit is, per layer, without making an update."""

from __future__ import annotations

import copy

import torch
from torch.nn import functional as F

from experiments.parts.credit_linesearch.credits import loss_slope, unit_directions
from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP


def cosines(credit: torch.Tensor, exact: torch.Tensor) -> list[float]:
    """Gamma per layer: mean over samples of the cosine to the exact credit; both (L, n, width)."""
    return F.cosine_similarity(credit, exact, dim=2, eps=1e-20).mean(1).tolist()


@torch.no_grad()
def rhos(
    net: ResidualMLP,
    x: torch.Tensor,
    y: torch.Tensor,
    credit: torch.Tensor,
    directions: int,
    draws: torch.Generator,
) -> list[float]:
    """rho per layer: correlation of <credit, u> with the loss slope along fresh random u.

    The correlation is taken over the directions of one sample and averaged over samples. Slopes are
    computed in float64: for a sample that the network is sure of, its loss changes less than float32
    resolves.
    """
    exact = copy.deepcopy(net).double()
    correlations = []
    for layer, (h, a) in enumerate(zip(exact.states(x.double())[1:], credit.double(), strict=True), start=1):
        u = unit_directions(h, directions, draws)
        predicted, actual = (a * u).sum(2), loss_slope(exact, h, layer, y, u)
        predicted, actual = predicted - predicted.mean(0), actual - actual.mean(0)
        correlations.append(F.cosine_similarity(predicted, actual, dim=0, eps=1e-20).mean().item())
    return correlations


def rms(credit: torch.Tensor) -> torch.Tensor:
    """RMS per layer, (L,), nats per unit of activation."""
    return credit.pow(2).mean((1, 2)).sqrt()
