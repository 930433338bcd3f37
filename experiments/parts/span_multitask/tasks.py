"""The four tasks on one window: type, pointer, span and countdown; their targets and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional as F

from experiments.parts.span_multitask.windows import Windows

Task = Literal["type", "pointer", "span", "countdown"]
TASKS: tuple[Task, ...] = ("type", "pointer", "span", "countdown")
LOSS = {"type": "loss_type", "pointer": "loss_ptr", "span": "loss_span", "countdown": "loss_countdown"}
REACH = 20  # bars; the countdown is clipped at this many either way
POINTER_DELTA, COUNTDOWN_DELTA = 0.08, 1.0  # where the Huber losses turn linear, in units of the targets


@dataclass(frozen=True)
class Targets:
    """What the heads should say of each window.

    Attributes:
        type: (windows,) int64.
        pointer: centre and length of the span over the window's bars, (windows, 2).
        span: 1 inside the span, (windows, steps).
        countdown: bars until the span starts, clipped, negative after it (or scaled to [0, 1]);
            (windows, steps).
    """

    type: torch.Tensor
    pointer: torch.Tensor
    span: torch.Tensor
    countdown: torch.Tensor

    @classmethod
    def of(cls, windows: Windows, normalize: bool) -> Targets:
        """The targets of these windows; ``normalize`` scales the countdown to [0, 1]."""
        steps, start, length = windows.steps, windows.start.float(), windows.length.float()
        bars = start[:, None] - torch.arange(steps, device=start.device)
        pointer = torch.stack([(start + length / 2) / steps, length / steps], 1)
        scaled = scale_countdown(bars.clamp(-REACH, REACH), normalize)
        return cls(windows.kind, pointer, windows.mask, scaled)

    def take(self, rows: torch.Tensor) -> Targets:
        """The targets at these rows."""
        return Targets(self.type[rows], self.pointer[rows], self.span[rows], self.countdown[rows])


def scale_countdown(bars: torch.Tensor, normalize: bool) -> torch.Tensor:
    """Bars in the unit that the head is trained in."""
    return (bars + REACH) / (2 * REACH) if normalize else bars


def countdown_bars(value: torch.Tensor, normalize: bool) -> torch.Tensor:
    """Back to bars."""
    return value * (2 * REACH) - REACH if normalize else value


@dataclass(frozen=True)
class Objective:
    """Which losses, and how the span's is made.

    Attributes:
        tasks: those that are trained.
        pos_weight: weight of a bar inside the span; one outside has weight 1.
        focal_gamma: exponent of (1 - probability of the truth), Lin et al. 2017; 0 is cross-entropy.
    """

    tasks: Sequence[Task] = TASKS
    pos_weight: float = 1.0
    focal_gamma: float = 0.0

    def losses(self, outputs: Mapping[str, torch.Tensor], targets: Targets) -> dict[str, torch.Tensor]:
        """task -> scalar loss, means over windows (and bars)."""
        loss_of = {
            "type": lambda: F.cross_entropy(outputs["type"], targets.type),
            "pointer": lambda: F.huber_loss(outputs["pointer"], targets.pointer, delta=POINTER_DELTA),
            "span": lambda: self.span_loss(outputs["span"], targets.span),
            "countdown": lambda: F.huber_loss(outputs["countdown"], targets.countdown, delta=COUNTDOWN_DELTA),
        }
        return {task: loss_of[task]() for task in self.tasks}

    def span_loss(self, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Weighted cross-entropy of the bars, in nats."""
        weight = torch.as_tensor(self.pos_weight, device=logits.device)
        loss = F.binary_cross_entropy_with_logits(logits, mask, pos_weight=weight, reduction="none")
        if self.focal_gamma:
            missed = torch.sigmoid(torch.where(mask > 0, -logits, logits))
            loss = missed**self.focal_gamma * loss
        return loss.mean()
