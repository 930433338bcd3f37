"""What a program says of a quantity that its runs measure."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from planner.language.types import Direction, Finite, LoggedName, Written, unless_written

FLAG = "flag"
"""The unit of metrics that are 0 or 1: their noise is no normal one."""


class KnownNoise(Written):
    """The standard deviation of one run, known from elsewhere."""

    sd: Annotated[Finite, Field(gt=0)]
    """In the metric's unit (in its logarithm with ``transform: log``)."""
    source: Annotated[str, Field(min_length=1)]
    """By whose word: it is told beside every answer that rests on it."""


class Metric(Written):
    """A quantity that runs measure."""

    unit: str
    """What one of it is: nats, fraction, ms."""
    better: Direction
    """Which way is better."""
    means: str = ""
    floor: Finite | LoggedName | None = None
    """What doing nothing clever scores: a number, or the metric that holds it."""
    share: LoggedName | None = None
    """Derived: this metric's share ..."""
    of: list[LoggedName] = []
    """... of the sum of these."""
    deterministic: bool = unless_written(False)
    """No seed changes it: values are compared as they are, and two seeds that differ are a fault."""
    logged_as: LoggedName | None = unless_written(None)
    """The name under which runs log it, where that is another than the program's."""
    machine: bool = unless_written(False)
    """It measures the machine (a time, memory): a run that is made twice is not expected to give it twice."""
    resolution: Annotated[Finite, Field(gt=0)] | None = unless_written(None)
    """The smallest step between two values."""
    items: Annotated[int, Field(ge=1)] | None = unless_written(None)
    """It is a share of so many test items, in [0, 1]."""
    holds_for: Literal["these_items", "new_items"] = unless_written("these_items")
    """Whether criteria speak of these items alone, or of others like them."""
    noise: KnownNoise | Literal["bounded"] | None = unless_written(None)
    """What is known of the noise: its size, or only that values lie in [0, 1]; estimated if absent."""
    censored_at: Finite | None = unless_written(None)
    """Where a run stopped measuring: a value there, or above, says only that it is no smaller."""
    transform: Literal["log"] | None = unless_written(None)
    """Judge the logarithm: levels are geometric means, arms are compared by ratio."""

    @property
    def step(self) -> float:
        """The smallest step between two values; 0 where none is stated."""
        return self.resolution or (1.0 / self.items if self.items else 0.0)

    @property
    def is_rate(self) -> bool:
        """Whether nothing is taken for granted of its values but that they lie in [0, 1]."""
        return self.unit == FLAG or self.noise == "bounded"

    @property
    def known_sd(self) -> float:
        """The standard deviation of one run that is stated; 0 where none is."""
        return self.noise.sd if isinstance(self.noise, KnownNoise) else 0.0

    @property
    def noise_source(self) -> str:
        """By whose word the noise is known; empty where it is not."""
        return self.noise.source if isinstance(self.noise, KnownNoise) else ""

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> Metric:
        if self.items and self.resolution:
            raise ValueError("resolution follows from items: leave one out")
        if self.holds_for == "new_items" and not self.items:
            raise ValueError("holds_for: new_items needs items: how many there are")
        if self.transform and (self.items or self.noise == "bounded"):
            raise ValueError("a share in [0, 1] is judged as it is: leave out transform")
        if self.censored_at is not None and (self.is_rate or (self.transform and self.censored_at <= 0)):
            raise ValueError("censored_at is for times and counts, and above 0 with transform: log")
        if self.noise and self.deterministic:
            raise ValueError("a deterministic metric has no noise: leave out noise")
        return self
