"""What is asked of a history."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from planner.history.arms import ALL_BUT_SEED

Better = Literal["higher", "lower"]
_LOWER = re.compile(
    r"(?:^|[^a-z])(?:\w*loss|\w*err|\w*error|ppl|perplexity|nll|\w*mse|\w*mae|wer|cer|fid|bpb|bpc|time|\w*seconds"
    r"|latency|regret|brier|ece)(?:$|[^a-z])"
)


@dataclass(frozen=True)
class HistoryQuestion:
    """What is asked of a history.

    Attributes:
        better: None to go by the metric's name.
        arms_by: parameters that tell arms apart, or ``all-but-seed``.
        baseline: ``best``, ``none``, or an arm as ``name=value,name=value``.
        least_effect: differences smaller than this do not matter, in the metric's unit.
        where: a condition on runs, in MLflow's words.
        alpha: how often any answer of the whole table may be wrong.
    """

    metric: str
    arms_by: tuple[str, ...] = (ALL_BUT_SEED,)
    better: Better | None = None
    baseline: str = "best"
    least_effect: float | None = None
    seed_from: str | None = None
    where: str = ""
    at: str = "last"
    alpha: float = 0.05

    @property
    def direction(self) -> Better:
        """Which values are better: as stated, else as the metric's name says."""
        return self.better or ("lower" if _LOWER.search(self.metric.lower()) else "higher")
