"""What is asked of a history."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from planner.errors import UsageError
from planner.history.arms import ALL_BUT_SEED

_STEP = re.compile(r"-?[0-9]{1,15}")
Better = Literal["higher", "lower"]
_LOWER = re.compile(
    r"(?:^|[^a-z])(?:\w*loss|\w*err|\w*error|ppl|perplexity|nll|\w*mse|\w*mae|\w*mape|wer|cer|fid|bpb|bpc|time|\w*seconds"
    r"|latency|regret|brier|ece)(?:$|[^a-z])"
)


def arms_by_of(text: str) -> tuple[str, ...]:
    """The parameters that a text names, with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True)
class HistoryQuestion:
    """What is asked of a history.

    Attributes:
        better: None to go by the metric's name.
        arms_by: parameters that tell arms apart, or ``all-but-seed``.
        baseline: ``best``, ``none``, or an arm as ``name=value,name=value``.
        least_effect: differences smaller than this do not matter, in the metric's unit.
        where: a condition on runs, in MLflow's words.
        at: ``last``, ``best`` or a step: which of a run's values is taken.
        alpha: how often any answer of the whole table may be wrong.
        measured: other metrics, which a table may hold in columns that look like settings.

    Raises:
        UsageError: a number is out of range, or ``at`` is none of these.
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
    measured: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise UsageError(f"alpha is a number between 0 and 0.5, not {self.alpha:g}")
        if self.least_effect is not None and not 0 < self.least_effect < math.inf:
            raise UsageError(f"min-effect is a number above 0, not {self.least_effect:g}")
        if self.at not in ("last", "best") and not _STEP.fullmatch(self.at):
            raise UsageError(f"at is last, best or a step, not '{self.at}'")
        if not self.arms_by:
            raise UsageError("arms-by names no parameter; all-but-seed takes every one")

    @property
    def direction(self) -> Better:
        """Which values are better: as stated, else as the metric's name says."""
        name = self.metric.lower()
        is_negated = re.search(r"(?:^|[^a-z])neg(?:ative)?(?:[^a-z]|$)", name.replace("_", " "))
        return self.better or ("lower" if _LOWER.search(name) and not is_negated else "higher")
