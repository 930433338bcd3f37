"""What a program foretells of a verdict."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from planner.language.types import Name, Written


class Prediction(Written):
    """The verdict that is expected, written down before the runs."""

    outcome: Literal["pass", "fail"] | None = None
    tier: Name | None = None
    case: Name | None = None
    probability: Annotated[float, Field(ge=0, le=1)]
    because: str = ""

    @pydantic.model_validator(mode="after")
    def _of_one_thing(self) -> Prediction:
        if sum(v is not None for v in (self.outcome, self.tier, self.case)) != 1:
            raise ValueError("predicts exactly one of outcome, tier, case")
        return self
