"""A bidirectional LSTM over bars, with a head for each of the four tasks."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from experiments.parts.seeding import seeded

Head = Literal["pooled", "per_step"]
PROJECTED = 64  # width between the pooled states and the type and pointer heads


class SpanNet(nn.Module):
    """Type and pointer are read from the mean state, the countdown from each bar's, the span as asked.

    A ``pooled`` span head gives all bars' logits from the mean state; a ``per_step`` one gives each
    bar's from that bar's state.

    Args:
        features, steps, types: of the windows.
        hidden: width of the LSTM in each direction.
        span_head: see above.
        dropout: share of input features and of states that training leaves out.
        seed: of the initialisation; every part has numbers of its own, so that arms which differ in
            one head begin with the same others.
    """

    def __init__(
        self,
        features: int,
        steps: int,
        types: int,
        hidden: int,
        span_head: Head,
        dropout: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.pooled, self.dropout = span_head == "pooled", dropout
        with seeded(seed, "trunk"):
            self.lstm = nn.LSTM(features, hidden, batch_first=True, bidirectional=True)
        with seeded(seed, "heads"):
            self.project = nn.Linear(2 * hidden, PROJECTED)
            self.type_head, self.pointer_head = nn.Linear(PROJECTED, types), nn.Linear(PROJECTED, 2)
            self.countdown_head = nn.Linear(2 * hidden, 1)
        with seeded(seed, "span head"):
            self.span_head = nn.Linear(2 * hidden, steps if self.pooled else 1)

    @property
    def trunk(self) -> list[nn.Parameter]:
        """The parameters that all tasks share."""
        return list(self.lstm.parameters())

    def states(self, x: torch.Tensor, draws: torch.Generator | None = None) -> torch.Tensor:
        """(windows, steps, 2 hidden); dropout where there are random numbers for it."""
        return self._dropped(self.lstm(self._dropped(x, draws))[0], draws)

    def forward(self, x: torch.Tensor, draws: torch.Generator | None = None) -> dict[str, torch.Tensor]:
        """type (windows, types) and span (windows, steps) as logits, pointer and countdown as values."""
        states = self.states(x, draws)
        pooled = states.mean(1)
        window = self.project(pooled).relu()
        span = self.span_head(pooled) if self.pooled else self.span_head(states)[..., 0]
        return {
            "type": self.type_head(window),
            "pointer": self.pointer_head(window).sigmoid(),
            "span": span,
            "countdown": self.countdown_head(states)[..., 0],
        }

    def _dropped(self, values: torch.Tensor, draws: torch.Generator | None) -> torch.Tensor:
        if draws is None or not self.dropout:
            return values
        # Drawn on the CPU and moved: every device leaves the same entries out.
        kept = torch.rand(values.shape, generator=draws) >= self.dropout
        return values * kept.to(values.device) / (1 - self.dropout)
