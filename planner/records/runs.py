"""Runs: finished, unfinished and planned; and what a worker is told and tells of one.

Finished and unfinished runs are different types, so that no rule can mistake one for the other.
"""

from __future__ import annotations

from typing import Any, Literal

from planner.records.base import Record

RunOutcome = Literal[
    "ok",
    "code_error",
    "environment",
    "code_changed",
    "data_changed",
    "bad_metric",
    "out_of_memory",
    "disk_full",
    "timeout",
    "slowdown",
    "suspended",
    "killed",
    "lost",
]
SET_ASIDE = frozenset({"disk_full", "code_changed", "data_changed"})
"""Outcomes of runs that say nothing of their arm: they are made again, and no try is used up."""
MEASURED = frozenset({"ok", "bad_metric"})
"""Outcomes of runs that came to their end."""
DIGEST_LENGTH = 36
"""MLflow keeps at most this much of a dataset's digest."""
Series = tuple[tuple[int, float], ...]


class Run(Record):
    """A finished run: one arm, one seed, one fidelity, executed once.

    Attributes:
        fidelity: None where the run does not say; it then counts at the fidelity being judged.
        metrics: final values; may hold NaN or infinities, which rules must refuse.
        series: metric -> (step, value) in order of step, for metrics with more than one step.
        own: launched by this project (it has a fingerprint).
        device: what it ran on (``cpu``, ``cuda``); None where it does not say.
        overlap: share of evaluation units that training also saw, in [0, 1]; None where it does not say.
        seconds: wall-clock time that it took.
        artifacts: names of the files that it left; None where it does not say.
        reason: what it ended in if it failed by itself (``ValueError: no rows left``).
        versions: package (or ``python``) -> the version that it ran with; empty where it does not say.
        checked: its code and data were looked at after it, too; earlier versions did not.
        raised_at: where in the home's code that was raised (``experiments/evil.py:24``).
        probed: it was made for a program whose first run is made twice; earlier versions did not do that.
        ended: seconds since 1970, of a run of others; of two of one seed the later counts.
        last_steps: metric -> the step at which it was logged last, of a run of others.
        seed_from: the parameter that its seed was read from, of a run of others.
    """

    id: str
    phase: str
    arm: str
    seed: int
    fidelity: str | None = None
    outcome: RunOutcome = "ok"
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}
    series: dict[str, Series] = {}
    fingerprint: str | None = None
    data_digest: str | None = None
    code_digest: str | None = None
    device: str | None = None
    overlap: float | None = None
    seconds: float = 0.0
    attempt: int = 1
    artifacts: tuple[str, ...] | None = None
    reason: str = ""
    versions: dict[str, str] = {}
    checked: bool = False
    raised_at: str = ""
    probed: bool = False
    ended: float | None = None
    last_steps: dict[str, int] = {}
    seed_from: str = ""

    @property
    def own(self) -> bool:
        return self.fingerprint is not None

    @property
    def partial(self) -> bool:
        """It ended early, and what it measured until then may count, with a caveat."""
        early = self.outcome in ("slowdown", "suspended", "timeout", "killed")
        return early and bool(self.metrics or self.series)

    @property
    def unchecked(self) -> bool:
        """It is one of ours, measured what it was to measure, and was not looked at again after it."""
        return self.own and self.outcome in MEASURED and not self.checked

    @property
    def usable(self) -> bool:
        return self.outcome in MEASURED or self.partial


class Failure(Record):
    """Runs that failed alike.

    Attributes:
        cause: what they ended in; empty where nobody knows more than the outcome.
        raised_at: where in the home's code that was raised; empty where it was not, or nobody knows.
        run_ids: ``phasegate logs`` shows what the first of them printed.
    """

    arms: tuple[str, ...]
    outcome: RunOutcome
    cause: str = ""
    raised_at: str = ""
    run_ids: tuple[str, ...]

    @property
    def ending(self) -> str:
        """``crashed: ValueError: no rows left (experiments/evil.py:24)``."""
        return ending_in_words(self.outcome, self.cause, self.raised_at)

    @property
    def text(self) -> str:
        """``3 runs of b crashed: ValueError: no rows left (experiments/evil.py:24)``."""
        count = len(self.run_ids)
        return f"{count} run{'s' if count > 1 else ''} of {' and '.join(self.arms)} {self.ending}"

    @property
    def text_with_log(self) -> str:
        """The same, and where the log of one of these runs is."""
        return f"{self.text}, log: phasegate logs {self.run_ids[0]}" if self.raised_at else self.text


def ending_in_words(outcome: str, cause: str, raised_at: str) -> str:
    """How runs ended, and where."""
    how = "crashed" if outcome == "code_error" else f"ended as {outcome}"
    return f"{how}{cause and ': '}{cause}{raised_at and f' ({raised_at})'}"


class UnfinishedRun(Record):
    """A run that MLflow holds and that nobody has finished.

    Attributes:
        began: seconds since the epoch.
    """

    id: str
    phase: str
    arm: str
    seed: int
    fingerprint: str | None = None
    attempt: int = 1
    began: float = 0.0
    checked: bool = False


class PlannedRun(Record):
    """A run that a phase needs: what identifies it, before it is known whether it exists."""

    phase: str
    arm: str
    seed: int
    fidelity: str
    params: dict[str, Any]
    fingerprint: str
    data_digest: str
    code_digest: str


# --- what is launched --------------------------------------------------------------------------
