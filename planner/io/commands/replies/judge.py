"""What ``judge --json`` prints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.io.commands.replies.base import Interval, Number, Reply, Text, Whole
from planner.records.base import Record


class FamilyJson(Record):
    """The comparisons whose answers are right together."""

    size: Whole
    alpha: Number
    method: Text


class ConfoundJson(Record):
    """A setting in which an arm differs from the baseline besides what tells arms apart."""

    param: Text
    here: Text
    baseline: Text


class JudgedArmJson(Record):
    """One arm, and what it is against the baseline."""

    name: Text
    params: dict[str, str | None]
    n: Whole
    mean: Number
    interval: Interval | None
    difference: Number | None
    difference_interval: Interval | None
    answer: Literal["baseline", "better", "worse", "equivalent", "undecided", "not comparable"] | None
    paired: bool | None
    n_to_decide: int | None
    note: str
    confounds: tuple[ConfoundJson, ...]
    run_ids: tuple[str, ...]


class LeftOutJson(Record):
    """A run that is no evidence, and why."""

    run_id: Text
    why: Text


class AdoptReply(Reply):
    """``adopt``: the program that was written."""

    schema_: Literal["phasegate.adopt/1"] = Field("phasegate.adopt/1", alias="schema")
    program: Text
    path: Text
    phases: tuple[str, ...]
    arms: tuple[str, ...]


class JudgeReply(Reply):
    """A table of arms from a history."""

    schema_: Literal["phasegate.judge/1"] = Field("phasegate.judge/1", alias="schema")
    store: Text
    metric: Text
    better: Literal["higher", "lower"]
    baseline: str | None
    paired: bool
    family: FamilyJson
    arms: tuple[JudgedArmJson, ...]
    caveats: tuple[str, ...]
    left_out: tuple[LeftOutJson, ...]
