"""Layers of several networks at once: every tensor has a leading axis over seeds.

Network k of a layer computes exactly what a layer of its own would: nothing crosses the seed axis. One
batched operation over K small matrices costs much less than K operations.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F


class Linears(nn.Module):
    """x W + b; maps (K, ..., inputs) to (K, ..., outputs). Initialised like ``nn.Linear``."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(1, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(1, 1, outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(1, -2)
        if self.bias is None:
            outputs = torch.bmm(rows, self.weight)
        else:
            outputs = torch.baddbmm(self.bias, rows, self.weight)
        return outputs.unflatten(1, x.shape[1:-1]) if x.ndim > 3 else outputs


class LayerNorms(nn.Module):
    """Layer normalisation over the last axis of (K, n, width), with a gain and shift per network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, 1, width))
        self.shift = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addcmul(self.shift, F.layer_norm(x, x.shape[-1:]), self.gain)


class Embeddings(nn.Module):
    """A table of vectors per network; maps ids (K or 1, ...) to (K, ..., width). Normal initial values."""

    def __init__(self, ids: int, width: int, std: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, ids, width) * std)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        networks, rows, width = self.table.shape
        if networks > 1:
            own = torch.arange(networks, device=ids.device, dtype=ids.dtype) * rows
            ids = ids + own.view(-1, *[1] * (ids.ndim - 1))
        return F.embedding(ids, self.table.view(networks * rows, width))


class GRUs(nn.Module):
    """A gated recurrent unit, the equations of ``nn.GRU``; maps (K, T, n, inputs) to (K, T, n, width).

    r, z = sigmoid(W x + b + U h + c); g = tanh(W x + b + r (U h + c)); h' = (1 - z) g + z h; h starts at 0.
    Written out because ``nn.GRU`` has no axis over networks.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.outer = Linears(inputs, 3 * width)
        self.inner = Linears(width, 3 * width)
        bound = 1 / math.sqrt(width)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gates, candidates = self.outer(x).split([2 * self.width, self.width], -1)
        h = x.new_zeros(len(gates), x.shape[2], self.width)
        states = []
        for of_gates, of_candidate in zip(gates.unbind(1), candidates.unbind(1), strict=True):
            to_gates, to_candidate = self.inner(h).split([2 * self.width, self.width], -1)
            reset, keep = torch.sigmoid(of_gates + to_gates).chunk(2, -1)
            candidate = torch.tanh(torch.addcmul(of_candidate, reset, to_candidate))
            h = torch.lerp(candidate, h, keep)
            states.append(h)
        return torch.stack(states, 1)


def masked_attention(
    query: torch.Tensor, states: torch.Tensor, held: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Target attention: the mean of the states, weighted by their scaled products with the query.

    Args:
        query: (K, n, width).
        states: (K, T, n, width).
        held: (K or 1, T, n), False where a state is padding.

    Returns:
        the mean, (K, n, width), and the weights, (K, T, n); both 0 for a row without any state that is held.
    """
    scores = (states * query[:, None]).sum(-1) / math.sqrt(query.shape[-1])
    scores = scores.masked_fill(~held, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, 1) * held
    return (weights[..., None] * states).sum(1), weights
