"""Pre-training without labels: hidden bars of a window are filled in from the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from experiments.parts.seeding import generator, seeded
from experiments.parts.span_multitask.net import SpanNet
from experiments.parts.stages import History, train_in_stages

HIDDEN_SHARE = 0.4  # of a window's bars
RUN = 5  # bars are hidden in runs of this many: a single one is nearly given by its neighbours


def pretrain(
    net: SpanNet,
    x: torch.Tensor,
    epochs: int,
    epoch_windows: int,
    batch_size: int,
    lr: float,
    seed: int,
    file: Path,
    key: str,
    on_stage: Callable[[int, dict[str, float]], None],
) -> History:
    """Trains the trunk, in place, as the encoder of a masked autoencoder (He et al. 2022).

    Args:
        x: windows whose labels nobody looks at, (windows, steps, features).
        epoch_windows: windows in an epoch, drawn anew for each.
        file, key, on_stage: as in :func:`train_in_stages`.

    Returns:
        per epoch ``pretrain_loss``: mean squared error of the hidden bars' features.
    """
    with seeded(seed, "decoder"):
        decoder = nn.Linear(2 * net.lstm.hidden_size, x.shape[2]).to(x.device)
    module = nn.ModuleDict({"lstm": net.lstm, "decoder": decoder})
    optimizer = torch.optim.AdamW(module.parameters(), lr)

    def epoch(index: int) -> dict[str, float]:
        draws, total = generator(seed, "pretrain", index), 0.0
        rows = torch.randperm(len(x), generator=draws)[:epoch_windows]
        for batch in rows.split(batch_size):
            hidden = hidden_bars(len(batch), x.shape[1], draws).to(x.device)
            filled = decoder(net.lstm(x[batch] * ~hidden[..., None])[0])
            loss = (filled - x[batch])[hidden].square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        return {"pretrain_loss": total / len(rows)}

    return train_in_stages(module, optimizer, epoch, epochs, file, key, on_stage)


def hidden_bars(windows: int, steps: int, draws: torch.Generator) -> torch.Tensor:
    """Which bars are hidden: about ``HIDDEN_SHARE`` of each window, in runs; (windows, steps) bool."""
    runs = torch.rand((windows, -(-steps // RUN)), generator=draws) < HIDDEN_SHARE
    return runs.repeat_interleave(RUN, 1)[:, :steps]
