"""Trains the multi-task network, one stage an epoch, and measures it after each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from experiments.parts.seeding import generator
from experiments.parts.span_multitask.kendall import Uncertainty
from experiments.parts.span_multitask.metrics import span_metrics
from experiments.parts.span_multitask.net import SpanNet
from experiments.parts.span_multitask.tasks import LOSS, Objective, Targets, countdown_bars
from experiments.parts.span_multitask.windows import Windows
from experiments.parts.stages import History, train_in_stages

PROBE = 32  # training windows on which gradients are measured, the same after every epoch
EVALUATED_AT_ONCE = 512  # windows


@dataclass(frozen=True)
class Schedule:
    """How the network is trained.

    Attributes:
        epochs: how many; an epoch has ``epoch_windows`` windows whatever the augmentation, so that arms
            of equal epochs make equally many updates.
        batch_size: windows of an update.
        lr, weight_decay: of AdamW.
        keep: which network an epoch's measurements speak of: its own, or that of the epoch with the
            lowest loss on validation so far.
    """

    epochs: int
    epoch_windows: int
    batch_size: int
    lr: float
    weight_decay: float
    keep: Literal["last", "best"]


class Training:
    """One training.

    Args:
        net, weights: changed in place.
        data: standardised windows of ``train``, ``validation`` and ``test``, on the network's device.
        normalize: whether the countdown is scaled to [0, 1].
        folder: of the checkpoints: ``network.pt`` to go on from, ``best.pt`` of the best epoch.
    """

    def __init__(
        self,
        net: SpanNet,
        weights: Uncertainty,
        objective: Objective,
        data: Mapping[str, Windows],
        schedule: Schedule,
        normalize: bool,
        seed: int,
        folder: Path,
    ) -> None:
        self.net, self.weights, self.objective, self.data = net, weights, objective, data
        self.schedule, self.normalize, self.seed, self.folder = schedule, normalize, seed, folder
        self.targets = {name: Targets.of(part, normalize) for name, part in data.items()}
        self.module = nn.ModuleDict({"net": net, "weights": weights})
        self.optimizer = torch.optim.AdamW(
            self.module.parameters(), schedule.lr, weight_decay=schedule.weight_decay
        )
        self.history: History = []

    def run(self, key: str, on_epoch: Callable[[int, dict[str, float]], None]) -> History:
        """All epochs that the checkpoint does not hold.

        Args:
            key, on_epoch: as in :func:`train_in_stages`.

        Returns:
            what each epoch measured; names with a slash are of the tables, the others are metrics.
        """

        def on_stage(index: int, row: dict[str, float]) -> None:
            self.history.append(row)
            on_epoch(index, row)

        stages, file = self.schedule.epochs, self.folder / "network.pt"
        return train_in_stages(self.module, self.optimizer, self._epoch, stages, file, key, on_stage)

    def rows(self, index: int) -> torch.Tensor:
        """The training windows of epoch ``index``; a pass over shifted windows takes several epochs."""
        count, size = len(self.data["train"]), self.schedule.epoch_windows
        parts = max(count // size, 1)
        order = torch.randperm(count, generator=generator(self.seed, "pass", index // parts))
        return order[index % parts * size :][:size]

    def _epoch(self, index: int) -> dict[str, float]:
        rows, dropout = self.rows(index), generator(self.seed, "dropout", index)
        x, targets = self.data["train"].x, self.targets["train"]
        sums: dict[str, float] = {}
        for batch in rows.split(self.schedule.batch_size):
            losses = self.objective.losses(self.net(x[batch], dropout), targets.take(batch))
            self.optimizer.zero_grad()
            self.weights(losses).backward()
            self.optimizer.step()
            for task, loss in losses.items():
                sums[task] = sums.get(task, 0.0) + loss.item() * len(batch)
        measures = {LOSS[task]: total / len(rows) for task, total in sums.items()}
        measures |= {f"sigma_{task}": value for task, value in self.weights.sigmas().items()}
        return {**measures, **self._gradients(), **_feature_stats(x[rows]), **self._evaluation(index)}

    def _gradients(self) -> dict[str, float]:
        """Norms of the weighted gradients: by task on the shared trunk, of their sum by layer and feature."""
        x = self.data["train"].x[:PROBE].clone().requires_grad_()
        probe = self.targets["train"].take(torch.arange(len(x), device=x.device))
        losses = self.objective.losses(self.net(x), probe)
        named = dict(self.net.named_parameters())
        summed = {name: torch.zeros_like(value) for name, value in {**named, "x": x}.items()}
        norms: dict[str, float] = {}
        for task, loss in losses.items():
            weighted = self.weights.weight(task) * loss
            given = torch.autograd.grad(weighted, [*named.values(), x], retain_graph=True, allow_unused=True)
            by_name = {name: grad for name, grad in zip(summed, given, strict=True) if grad is not None}
            for name, grad in by_name.items():
                summed[name] += grad.detach()
            trunk = [grad.flatten() for name, grad in by_name.items() if name.startswith("lstm.")]
            norms[task] = torch.cat(trunk).norm().item()
        total = sum(norms.values()) or 1.0
        saliency = (summed.pop("x").abs().mean((0, 1)) * len(x)).tolist()
        return {
            **{f"gradient_share_{task}": norm / total for task, norm in norms.items()},
            **{f"gradient_norm_{task}": norm for task, norm in norms.items()},
            **{f"layer/{name}": grad.norm().item() for name, grad in summed.items()},
            **{f"feature/saliency_{i}": value for i, value in enumerate(saliency)},
        }

    @torch.no_grad()
    def _evaluation(self, index: int) -> dict[str, float]:
        outputs = {name: self._outputs(self.data[name].x) for name in ("validation", "test")}
        losses = self.objective.losses(outputs["validation"], self.targets["validation"])
        # Unweighted: under learnt weights the total moves with them, and epochs would not compare.
        val_loss = sum(loss.item() for loss in losses.values())
        measures = {"val_loss": val_loss, "best_epoch": index + 1.0}
        measures |= {f"val_{LOSS[task]}": loss.item() for task, loss in losses.items()}
        pairs = {n: (outputs[n]["span"].sigmoid(), self.targets[n].span) for n in outputs}
        judged = span_metrics(pairs["validation"], pairs["test"])
        if "countdown" in self.objective.tasks:
            judged["countdown_mae"] = self._countdown_mae(outputs["test"]["countdown"])
        if self._is_best(val_loss):
            _save(self.folder / "best.pt", {"model": self.net.state_dict(), "epoch": index + 1})
            return {**measures, **judged}
        before = self.history[-1]
        measures["best_epoch"] = before["best_epoch"]
        return {**measures, **({n: before[n] for n in judged} if self.schedule.keep == "best" else judged)}

    def _is_best(self, val_loss: float) -> bool:
        return all(val_loss < row["val_loss"] for row in self.history)

    def _outputs(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        parts = [self.net(part) for part in x.split(EVALUATED_AT_ONCE)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _countdown_mae(self, said: torch.Tensor) -> float:
        wanted = self.targets["test"].countdown
        bars = (countdown_bars(value, self.normalize) for value in (said, wanted))
        return (next(bars) - next(bars)).abs().mean().item()


def _feature_stats(x: torch.Tensor) -> dict[str, float]:
    rows = x.flatten(0, 1)
    statistics = {
        "mean": rows.mean(0),
        "std": rows.std(0, correction=0),
        "least": rows.amin(0),
        "most": rows.amax(0),
    }
    return {
        f"feature/{name}_{i}": v for name, values in statistics.items() for i, v in enumerate(values.tolist())
    }


def _save(file: Path, held: Mapping[str, object]) -> None:
    aside = file.with_suffix(".partial")
    torch.save(dict(held), aside)
    os.replace(aside, file)
