"""Learning-rate schedules: a factor on the base rate, by step."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["none", "warmup_cosine"]


def lr_factor(schedule: Schedule, step: int, warmup_steps: int, total_steps: int) -> float:
    """The factor of step ``step`` (from 0).

    ``none`` is 1 throughout. ``warmup_cosine`` rises linearly to 1, which it reaches at the last warm-up
    step, and falls along a half cosine to 0 at ``total_steps``, which is no step any more.
    """
    if schedule == "none":
        return 1.0
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    share = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    return 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))
