"""The gated click model: a static branch, a sequence branch, and a gate that says how much of each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from experiments.parts.gated_ctr.clicks import ClickLog
from experiments.parts.gated_ctr.cross_layers import CrossNetwork
from experiments.parts.gated_ctr.layers import Embeddings, GRUs, Linears, masked_attention
from experiments.parts.seeding import seeded

CROSS_LAYERS = 2
DROPPED = 4
"""Places at which dropout acts, each on ``width`` units."""


class GatedNetwork(nn.Module):
    """K networks at once; network k gives the same numbers as it would alone.

    Static branch: embedded fields through a linear and an exponential cross network, their mean projected.
    Sequence branch: a GRU over the embedded history, read out by target attention whose query is the item
    shown. The gate g in (0, 1) is the share of the static branch: head(g static + (1 - g) sequence).

    Args:
        log: gives the numbers of ids and the category of each item.
        embedding: width of an id's vector; the history's item and category take 2 and 1 of it.
        width: of both branches and of the hidden layers.
        embedding_std: of initial embeddings.

    Shapes:
        x (K or 1, n, F + 1 + L) as in :attr:`ClickLog.x`; keep (K, n, DROPPED * width) or None;
        logits and gate (K, n).
    """

    def __init__(self, log: ClickLog, embedding: int, width: int, embedding_std: float) -> None:
        super().__init__()
        cardinalities, items = log.cardinalities, len(log.category)
        static = embedding * len(cardinalities)
        self.fields = len(cardinalities)
        self.register_buffer("offsets", _starts(cardinalities), persistent=False)
        self.register_buffer("category", log.category.int(), persistent=False)
        self.field_vectors = Embeddings(sum(cardinalities), embedding, embedding_std)
        self.item_vectors = Embeddings(items, 2 * embedding, embedding_std)
        self.category_vectors = Embeddings(int(log.category.max()) + 1, embedding, embedding_std)
        self.linear = CrossNetwork(static, CROSS_LAYERS, "linear")
        self.exponential = CrossNetwork(static, CROSS_LAYERS, "exponential")
        self.static_out = Linears(static, width)
        self.gru = GRUs(3 * embedding, width)
        self.query = Linears(3 * embedding, width)
        self.sequence_out = Linears(2 * width, width)
        self.gate_hidden, self.gate_out = Linears(2 * width, width), Linears(width, 1)
        self.head_hidden, self.head_out = Linears(width, width), Linears(width, 1)

    def forward(self, x: torch.Tensor, keep: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and gate; ``keep`` multiplies the units that dropout acts on (None: evaluation)."""
        masks = keep.chunk(DROPPED, -1) if keep is not None else (None,) * DROPPED
        static = _dropped(F.relu(self._static(x[..., : self.fields])), masks[0])
        sequence = _dropped(F.relu(self._sequence(x[..., self.fields :])), masks[1])
        hidden = F.relu(self.gate_hidden(torch.cat([static, sequence], -1)))
        gate = torch.sigmoid(self.gate_out(_dropped(hidden, masks[2])))
        mixed = torch.lerp(sequence, static, gate)
        hidden = _dropped(F.relu(self.head_hidden(mixed)), masks[3])
        return self.head_out(hidden)[..., 0], gate[..., 0]

    def _static(self, fields: torch.Tensor) -> torch.Tensor:
        x = self.field_vectors(fields + self.offsets).flatten(2)
        return self.static_out((self.linear(x) + self.exponential(x)) / 2)

    def _sequence(self, items: torch.Tensor) -> torch.Tensor:
        target, history = items[..., 0], items[..., 1:].transpose(1, 2)  # time before rows, as GRUs wants it
        query = self.query(self._item(target))
        read, _ = masked_attention(query, self.gru(self._item(history)), history > 0)
        return self.sequence_out(torch.cat([read, query], -1))

    def _item(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.item_vectors(ids), self.category_vectors(self.category[ids])], -1)


def build_networks(
    log: ClickLog, seeds: Sequence[int], embedding: int, width: int, embedding_std: float
) -> GatedNetwork:
    """One network per seed, each with the initial values that it would have alone."""
    alone = []
    for seed in seeds:
        with seeded(seed, "network"):
            alone.append(GatedNetwork(log, embedding, width, embedding_std))
    for name, parameter in alone[0].named_parameters():
        parameter.data = torch.cat([net.get_parameter(name).data for net in alone])
    return alone[0]


def _dropped(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return x if mask is None else x * mask


def _starts(cardinalities: Sequence[int]) -> torch.Tensor:
    """Where each field's ids begin in the one table of all fields."""
    sizes = torch.tensor(cardinalities, dtype=torch.int32)
    return (sizes.cumsum(0) - sizes).int()
