"""Credit: per sample, what the loss would gain from a change of each block's output.

A credit is a function ``(net, x, y) -> (L, n, width)``: one vector per block output h_1..h_L and
sample, in nats per unit of activation, of each sample's own loss (sum reduction: no 1/n).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP
from experiments.parts.seeding import generator

Credit = Callable[[ResidualMLP, torch.Tensor, torch.Tensor], torch.Tensor]

DIFFERENCE = 1e-2  # RMS of the probing steps, in units of activation; central differences


@torch.no_grad()
def output_error(net: ResidualMLP, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """e = softmax - onehot, (n, classes)."""
    logits = net(x)
    return logits.softmax(1) - F.one_hot(y, logits.shape[1]).to(logits.dtype)


def oracle(net: ResidualMLP, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The exact derivative of each sample's loss with respect to each block output."""
    with torch.enable_grad():
        states = net.states_from(net.embed(x).detach().requires_grad_())
        loss = F.cross_entropy(net.tail(states[-1], net.depth), y, reduction="sum")
        return torch.stack(torch.autograd.grad(loss, states[1:]))


def dfa(net: ResidualMLP, seed: int) -> Credit:
    """Direct feedback alignment: e B_l with B_l fixed, entries N(0, 1/classes) (Nokland 2016)."""
    classes, width = net.head.out_features, net.head.in_features
    draws = torch.randn(net.depth, classes, width, generator=generator(seed, "dfa")) / classes**0.5
    feedback = draws.to(net.head.weight.device)
    return lambda now, x, y: torch.einsum("nc,lcd->lnd", output_error(now, x, y), feedback)


def loss_slope(
    net: ResidualMLP, h: torch.Tensor, layer: int, y: torch.Tensor, u: torch.Tensor
) -> torch.Tensor:
    """Slope of each sample's loss along u at state h_layer, by two forward passes.

    Args:
        h: (n, width). y: (n,). u: (M, n, width), each of unit RMS.

    Returns:
        (M, n), nats per unit of activation along u.
    """
    ends = torch.stack([h + DIFFERENCE * u, h - DIFFERENCE * u])
    logits = net.tail(ends.flatten(0, 2), layer)
    losses = F.cross_entropy(logits, y.repeat(2 * len(u)), reduction="none").view(2, len(u), -1)
    return (losses[0] - losses[1]) / (2 * DIFFERENCE)


def unit_directions(like: torch.Tensor, count: int, draws: torch.Generator) -> torch.Tensor:
    """``count`` random directions for each row of ``like`` (n, width): (count, n, width), RMS 1."""
    u = torch.randn(count, *like.shape, generator=draws)
    return F.normalize(u, dim=2).to(like) * like.shape[1] ** 0.5
