"""What a history says of a question, as types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.history.comparison import ArmComparison
from planner.history.confounds import Confound
from planner.history.question import Better, HistoryQuestion
from planner.history.selection import LeftOut


@dataclass(frozen=True)
class JudgedArm:
    """One row of the table.

    Attributes:
        comparison: against the baseline; None for the baseline itself, and where there is none.
        confounds: in what else it differs from the baseline.
    """

    name: str
    params: Mapping[str, str | None]
    n: int
    mean: float
    interval: tuple[float, float] | None
    run_ids: tuple[str, ...]
    comparison: ArmComparison | None = None
    confounds: tuple[Confound, ...] = ()


@dataclass(frozen=True)
class Family:
    """The comparisons whose answers are right together.

    Attributes:
        size: how many they are.
        alpha: how often any of them may be wrong.
    """

    size: int
    alpha: float
    method: str


@dataclass(frozen=True)
class JudgedHistory:
    """What a history says of a question.

    Attributes:
        baseline: its arm's name; None where nothing is compared.
        caveats: one sentence for each kind of doubt.
    """

    store: str
    question: HistoryQuestion
    better: Better
    baseline: str | None
    family: Family
    arms: tuple[JudgedArm, ...]
    caveats: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def paired(self) -> bool:
        """Whether all that was compared was compared seed by seed."""
        compared = [arm.comparison.paired for arm in self.arms if arm.comparison]
        return bool(compared) and all(paired is not False for paired in compared) and any(compared)
