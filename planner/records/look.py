"""Looks: what one comparison was judged on, and by which plan."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.records.base import Record, Value


class Look(Record):
    """One judgement of one comparison; the judgements after it go on from it.

    The plan is frozen at the first look: what a bound may err is spent over all looks together.

    Attributes:
        comparison: the arm, or the pair of arms, that was judged.
        stage: ``early`` before the planned number of seeds, ``final`` at it, ``late`` after it.
        planned: seeds at which the final look is.
        alpha: how often the lower bound may lie above the mean, over all looks together.
        beta: how often the upper bound may lie below it.
        pool_df, pool_sd: what other arms' noise was worth, and how large it was.
        lower, upper: the bounds; None where there is none.
        run_ids: every run that was there, of all arms compared.
        log_e: ln E against "the bound is not met", on all seeds; None where claims share no error rate.
        paired: two arms are compared seed by seed; where they are not, each seed of either arm counts.
    """

    comparison: str
    stage: Literal["early", "final", "late"]
    planned: int
    alpha: Value
    beta: Value
    pool_df: Annotated[int, Field(exclude_if=lambda df: not df)] = 0
    pool_sd: Annotated[Value, Field(exclude_if=lambda sd: not sd)] = 0.0
    lower: Value | None = None
    upper: Value | None = None
    run_ids: tuple[str, ...] = ()
    log_e: Annotated[Value | None, Field(exclude_if=lambda log_e: log_e is None)] = None
    paired: Annotated[bool, Field(exclude_if=lambda paired: paired)] = True
