"""Trains gated click models, several seeds at once, and measures them after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import psutil
import torch
from torch.nn import functional as F

from experiments.parts.gated_ctr.auc import auc
from experiments.parts.gated_ctr.batches import Batches
from experiments.parts.gated_ctr.checkpoints import State, alone, joined
from experiments.parts.gated_ctr.clicks import ClickLog
from experiments.parts.gated_ctr.net import DROPPED, GatedNetwork, build_networks
from experiments.parts.gated_ctr.schedules import Schedule, lr_factor
from experiments.parts.seeding import generator
from experiments.parts.watchdog import Watchdog

EVALUATED_AT_ONCE = 2048
"""Rows times seeds in one evaluation batch: as many as fit the cache."""


@dataclass(frozen=True)
class Recipe:
    """How to train; the parameters of the same names in ``experiments.gated_ctr``."""

    epochs: int
    batch_size: int
    lr: float
    schedule: Schedule
    warmup_epochs: float
    optimizer: Literal["adam", "adamw"]
    weight_decay: float
    dropout: float
    label_smoothing: float
    clip_norm: float | None
    num_workers: int
    device: str


class Training:
    """K networks in training on one log; each is trained as it would be alone.

    Args:
        log, parts: the impressions, and which of them are ``train``, ``validation`` and ``test``.
        seeds: of initialisation, order of rows and dropout.
        sizes: embedding, width, embedding_std, as in :class:`GatedNetwork`.
        watchdog: told of every batch.
    """

    def __init__(
        self,
        log: ClickLog,
        parts: Mapping[str, slice],
        seeds: Sequence[int],
        recipe: Recipe,
        sizes: tuple[int, int, float],
        watchdog: Watchdog,
    ) -> None:
        self.seeds, self.recipe, self.watchdog = seeds, recipe, watchdog
        self.rows = {name: (log.x[part], log.y[part]) for name, part in parts.items()}
        self.net = build_networks(log, seeds, *sizes).to(recipe.device)
        self.width = sizes[1]
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        fused = True if recipe.device.startswith(("cpu", "cuda")) else None
        settings = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "fused": fused}
        self.optimizer = kinds[recipe.optimizer](self.net.parameters(), **settings)
        self.batches = Batches(*self.rows["train"], recipe.batch_size, seeds, recipe.num_workers)

    # --- state ---------------------------------------------------------------------------------------

    def state(self, index: int) -> State:
        """Module and optimizer of one seed, as they would be had it trained alone."""
        states = {"module": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        return {name: alone(state, index) for name, state in states.items()}

    def restore(self, states: Sequence[State]) -> None:
        """Goes on from the states of all seeds, which have come equally far."""
        self.net.load_state_dict(joined([state["module"] for state in states]))
        self.optimizer.load_state_dict(joined([state["optimizer"] for state in states]))

    # --- one epoch -----------------------------------------------------------------------------------

    def epoch(self, number: int, on_batch: Callable[[int], None]) -> list[dict[str, float]]:
        """Trains epoch ``number`` (from 1) and measures.

        Args:
            on_batch: called with the number of batches done in this epoch.

        Returns:
            what each seed measured; see the docstring of ``experiments.gated_ctr``.

        Raises:
            Interrupted: the watchdog found the machine too slow or suspended.
        """
        running, losses = self._train(number, on_batch)
        measures = self._evaluate(running)
        for measured, loss in zip(measures, losses.tolist(), strict=True):
            measured["train_loss"] = loss
            measured.update(self._times(number), memory_mb=_memory_mb(self.recipe.device))
        return measures

    def projected_minutes(self, number: int, batches: int) -> float:
        """Wall minutes of an epoch of which only ``batches`` are done, at the pace so far, per seed."""
        done = self.watchdog.seconds(number)
        return done / max(batches, 1) * len(self.batches) / 60 / len(self.seeds)

    def _train(self, number: int, on_batch: Callable[[int], None]) -> tuple[np.ndarray, torch.Tensor]:
        """Labels and logits of each row as it was trained on, (K, 2, rows); mean training losses, (K,)."""
        seen, losses, rows = [], torch.zeros(len(self.seeds), device=self.recipe.device), 0
        draws = [generator(seed, "dropout", number) for seed in self.seeds]
        self.watchdog.begin(number)
        for index, (x, y) in enumerate(self.batches.of_epoch(number)):
            x, y = x.to(self.recipe.device), y.to(self.recipe.device)
            self._set_rate((number - 1) * len(self.batches) + index)
            logits = self.net(x, self._keep(draws, y.shape[1]))[0]
            aims = smoothed(y, self.recipe.label_smoothing)
            loss = F.binary_cross_entropy_with_logits(logits, aims, reduction="none").mean(1)
            self.optimizer.zero_grad()
            loss.sum().backward()
            self._clip()
            self.optimizer.step()
            seen.append(torch.stack([y, logits.detach()], 1))
            losses += loss.detach() * y.shape[1]
            rows += y.shape[1]
            self.watchdog.batch(number)
            on_batch(index + 1)
        return torch.cat(seen, 2).cpu().numpy(), losses / rows

    def _keep(self, draws: Sequence[torch.Generator], rows: int) -> torch.Tensor:
        """What dropout multiplies units by. Arms at one seed share the draws, whatever their rate."""
        shape = rows, DROPPED * self.width
        noise = torch.stack([torch.rand(shape, generator=draw) for draw in draws])
        return ((noise >= self.recipe.dropout) / (1 - self.recipe.dropout)).to(self.recipe.device)

    def _set_rate(self, step: int) -> None:
        recipe, per_epoch = self.recipe, len(self.batches)
        warmup = round(recipe.warmup_epochs * per_epoch)
        factor = lr_factor(recipe.schedule, step, warmup, recipe.epochs * per_epoch)
        self.optimizer.param_groups[0]["lr"] = recipe.lr * factor

    def _clip(self) -> None:
        if self.recipe.clip_norm is not None:
            clip_each([p.grad for p in self.net.parameters()], self.recipe.clip_norm)

    # --- measures ------------------------------------------------------------------------------------

    def _evaluate(self, running: np.ndarray) -> list[dict[str, float]]:
        """The measures of quality of each seed at the end of an epoch."""
        logits = {name: predict(self.net, x, self.recipe.device) for name, (x, _) in self.rows.items()}
        measures = []
        for k in range(len(self.seeds)):
            held = {name: auc(by[0][k].numpy(), self.rows[name][1].numpy()) for name, by in logits.items()}
            of_val, gate = (part[k] for part in logits["validation"])
            train_auc = auc(running[k, 1], running[k, 0])
            measures.append(
                {
                    "val_auc": held["validation"],
                    "test_auc": held["test"],
                    "train_auc": train_auc,
                    "train_auc_eval": held["train"],
                    "gap": train_auc - held["validation"],
                    "gap_eval": held["train"] - held["validation"],
                    "gate_mean": gate.mean().item(),
                    "gate_min": gate.min().item(),
                    "gate_max": gate.max().item(),
                    "val_loss": F.binary_cross_entropy_with_logits(of_val, self.rows["validation"][1]).item(),
                }
            )
        return measures

    def _times(self, number: int) -> dict[str, float]:
        """What an epoch's batches took; seeds that train together have equal shares of it."""
        wall = self.watchdog.seconds(number) / len(self.seeds)
        share = self.watchdog.cpu_per_wall(number)
        milliseconds = wall / len(self.batches) * 1000
        return {
            "epoch_minutes": wall / 60,
            "batch_wall_ms": milliseconds,
            "batch_cpu_ms": milliseconds * share,
            "cpu_per_wall": share,
        }


def smoothed(y: torch.Tensor, share: float) -> torch.Tensor:
    """Labels drawn towards one half: y (1 - share) + share / 2."""
    return y * (1 - share) + share / 2


@torch.no_grad()
def clip_each(grads: Sequence[torch.Tensor], bound: float) -> None:
    """Scales the gradients of each network, in place, to a norm of at most ``bound`` over all its tensors.

    Args:
        grads: each (K, ...); the norm is that of ``torch.nn.utils.clip_grad_norm_``, network by network.
    """
    norms = torch.stack([torch.linalg.vector_norm(g.flatten(1), dim=1) for g in grads])
    factor = (bound / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(factor.view(-1, *[1] * (grad.ndim - 1)))


@torch.inference_mode()
def predict(net: GatedNetwork, x: torch.Tensor, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and gate of every row in evaluation mode, (K, rows) each, on the CPU."""
    at_once = max(EVALUATED_AT_ONCE // len(next(net.parameters())), 1)
    outputs = [net(rows[None].to(device), None) for rows in x.split(at_once)]
    logits, gates = (torch.cat(parts, 1).cpu() for parts in zip(*outputs, strict=True))
    return logits, gates


def _memory_mb(device: str) -> float:
    """Memory held at this moment: by this process, or the accelerator's where it can be asked."""
    if device.startswith("cuda"):
        return torch.cuda.memory_allocated(device) / 2**20
    return psutil.Process().memory_info().rss / 2**20
