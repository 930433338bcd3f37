"""Runs that were made a second time, to see whether they give the same numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.records.base import Record
from planner.records.runs import RunOutcome, ending_in_words
from planner.text.numbers import number

_Number = Annotated[float, Field(allow_inf_nan=False)]


class RepeatedMetric(Record):
    """A metric that came out otherwise the second time; None where it was no finite number."""

    metric: str
    first: _Number | None
    again: _Number | None

    @property
    def difference(self) -> float | None:
        """How far the second is from the first; None where one of them is no number."""
        return None if self.first is None or self.again is None else self.again - self.first

    @property
    def text(self) -> str:
        """``accuracy differs by 0.003``."""
        if self.difference is None:
            values = ("no number" if value is None else number(value) for value in (self.first, self.again))
            return f"{self.metric} is {' and then '.join(values)}"
        return f"{self.metric} differs by {number(abs(self.difference))}"


class Repeat(Record):
    """What came of making a run twice: no evidence, and nothing that a verdict rests on.

    Attributes:
        run_id: the second time.
        of: the first.
        outcome: how the second time ended.
        reason: what it ended in, if it failed by itself.
        compared: the metrics that both have, in the order of the program, but for those of the machine.
        differing: those that came out otherwise.
        rounding: those of which the last digits alone differ, where that is none: the experiment trains
            several seeds at once, and the second time was alone.
    """

    run_id: str
    of: str
    phase: str
    arm: str
    seed: int
    fidelity: str
    code_digest: str
    outcome: RunOutcome
    reason: str = ""
    compared: tuple[str, ...] = ()
    differing: tuple[RepeatedMetric, ...] = ()
    rounding: tuple[RepeatedMetric, ...] = ()

    @property
    def came_out(self) -> bool:
        """Whether there is something to compare."""
        return self.outcome in ("ok", "bad_metric") and bool(self.compared or self.differing)

    @property
    def same(self) -> bool:
        """Whether it gave the same numbers."""
        return self.came_out and not self.differing

    @property
    def text(self) -> str:
        """What is to be said of it, as one sentence without its full stop."""
        what = f"seed {self.seed} of '{self.arm}'"
        if self.same:
            digits = f" but for rounding ({_joined(self.rounding)})" if self.rounding else ""
            return f"the same numbers{digits} when run twice: {what}"
        if self.came_out:
            return f"not reproducible: {_joined(self.differing)} at {what} when it is run twice"
        if self.outcome in ("ok", "bad_metric"):
            return f"nothing to compare when {what} was run twice: it measures none of the program's metrics"
        ending = ending_in_words(self.outcome, self.reason, "")
        return f"not known to be reproducible: {what} {ending} when it was made a second time"


def _joined(differing: tuple[RepeatedMetric, ...]) -> str:
    return ", ".join(one.text for one in differing)
