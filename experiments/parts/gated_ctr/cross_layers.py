"""Linear and exponential cross networks in the manner of DCNv3, with a leading axis over seeds.

Source: "DCNv3: Towards Next Generation Deep Cross Network for CTR Prediction" (arXiv 2407.13349).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from experiments.parts.gated_ctr.layers import LayerNorms, Linears


class CrossNetwork(nn.Module):
    """Layers x_{l+1} = a H + x_l, where H = [W x_l, (W x_l) relu(LN(W x_l))] + b and W halves the width.

    ``linear``: a = x_0, so the order of interactions grows by one per layer. ``exponential``: a = x_l, so it
    doubles. The second half of H masks itself: features whose normalised value is negative drop out.

    Shapes:
        x (K, n, width) to (K, n, width); the width is even.
    """

    def __init__(self, width: int, layers: int, kind: Literal["linear", "exponential"]) -> None:
        super().__init__()
        if width % 2:
            raise ValueError(f"a cross network needs an even width, not {width}")
        self.kind = kind
        self.halves = nn.ModuleList(Linears(width, width // 2, bias=False) for _ in range(layers))
        self.norms = nn.ModuleList(LayerNorms(width // 2) for _ in range(layers))
        self.shifts = nn.ParameterList(nn.Parameter(torch.zeros(1, 1, width)) for _ in range(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = x
        for half, norm, shift in zip(self.halves, self.norms, self.shifts, strict=True):
            halved = half(x)
            gate = torch.cat([halved, halved * F.relu(norm(halved))], -1) + shift
            x = torch.addcmul(x, first if self.kind == "linear" else x, gate)
        return x
