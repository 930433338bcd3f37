"""Trains the network that a snapshot is taken from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch.nn import functional as F

from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP, mean_loss
from experiments.parts.seeding import generator
from experiments.parts.stages import History, train_in_stages
from experiments.parts.tables import Rows

WEIGHT_DECAY = 1e-2  # AdamW's usual value


def train_classifier(
    net: ResidualMLP,
    data: Mapping[str, Rows],
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
    file: Path,
    key: str,
    on_stage: Callable[[int, dict[str, float]], None],
) -> History:
    """AdamW on the ``train`` split, in place; one stage is one epoch.

    Args:
        data: has ``train`` and ``test`` rows, on the network's device.
        file, key, on_stage: as in :func:`train_in_stages`.

    Returns:
        per epoch, ``train_loss`` and ``test_loss`` at its end (nats).
    """
    optimizer = torch.optim.AdamW(net.parameters(), lr, weight_decay=WEIGHT_DECAY)
    x, y = data["train"]

    def epoch(index: int) -> dict[str, float]:
        for rows in torch.randperm(len(y), generator=generator(seed, "epoch", index)).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
        return {"train_loss": mean_loss(net, x, y), "test_loss": mean_loss(net, *data["test"])}

    return train_in_stages(net, optimizer, epoch, epochs, file, key, on_stage)
