"""A residual MLP with pre-LayerNorm blocks: h_{l+1} = h_l + W2 act(W1 LN(h_l))."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

SECOND_WEIGHT_STD = 0.01  # small, so that every block starts near the identity


class Block(nn.Module):
    """F_l(h) = W2 gelu(W1 LN(h)); maps (n, width) to (n, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        nn.init.normal_(self.second.weight, std=SECOND_WEIGHT_STD)
        nn.init.zeros_(self.second.bias)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return self.second(F.gelu(self.first(self.norm(h))))


class ResidualMLP(nn.Module):
    """Embedding, ``depth`` residual blocks, LayerNorm and a linear head.

    Shapes:
        x (n, features); states h_0..h_L each (n, width); logits (n, classes).
    """

    def __init__(self, features: int, classes: int, depth: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    @property
    def depth(self) -> int:
        return len(self.blocks)

    def states(self, x: torch.Tensor) -> list[torch.Tensor]:
        """h_0 (the embedding) and the output of each block, h_1..h_L."""
        return self.states_from(self.embed(x))

    def states_from(self, h: torch.Tensor) -> list[torch.Tensor]:
        """h_0..h_L, given h_0."""
        states = [h]
        for block in self.blocks:
            states.append(states[-1] + block(states[-1]))
        return states

    def tail(self, h: torch.Tensor, layer: int) -> torch.Tensor:
        """Logits from the state h_layer, layer in 0..L."""
        for block in list(self.blocks)[layer:]:
            h = h + block(h)
        return self.head(self.norm(h))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tail(self.embed(x), 0)


@torch.no_grad()
def mean_loss(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Mean cross-entropy over the rows, in nats."""
    return F.cross_entropy(net(x), y).item()
