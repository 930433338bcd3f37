"""The reply of ``calibrate``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.io.commands.replies.base import MaybePathText, Number, Probability, Reply, Text, Whole
from planner.records.base import Record

Within = Literal["within", "above", "open"] | None


class ShareJson(Record):
    """A share of the repetitions with its error."""

    rate: Probability
    se: Probability
    low: Probability
    high: Probability


class TallyJson(Record):
    """How often a gate answered what in one world."""

    passed: ShareJson
    tested: ShareJson
    confirmed: ShareJson
    failed: ShareJson
    inconclusive: ShareJson
    invalid: ShareJson
    runs: Number
    runs_90: Number


class GateJson(Record):
    """One gate; worlds that were not simulated are null."""

    phase: Text
    share: Number
    after: str | None
    point: bool
    null: TallyJson | None
    effect: TallyJson | None
    weakest: TallyJson | None
    weakest_criterion: str | None
    stated: TallyJson | None
    not_simulated: dict[str, str]
    within_share: Within


class PathJson(Record):
    """The whole way through the program in one world."""

    passed: ShareJson
    tested: ShareJson
    confirmed: ShareJson
    runs: Number
    runs_90: Number
    reached: dict[str, Number]
    passes: dict[str, Number]
    ends: dict[str, Number]
    not_placed: dict[str, str]


class NoiseJson(Record):
    """The noise of a metric."""

    paired: Number
    alone: Number
    source: Literal["stated", "measured", "assumed"]
    why: str


class CalibrateReply(Reply):
    """``calibrate``."""

    schema_: Literal["phasegate.calibrate/1"] = Field("phasegate.calibrate/1", alias="schema")
    program: Text
    repetitions: Whole
    seed: Whole
    shape: Literal["normal", "t3", "lognormal"]
    beyond: Number
    fidelity: str | None
    false_pass: Number
    false_fail: Number
    gates: tuple[GateJson, ...]
    path: dict[str, PathJson]
    noise: dict[str, NoiseJson]
    within_budget: Within
    figure: MaybePathText = None
