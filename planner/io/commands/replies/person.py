"""Replies of ``override``, ``exclude``, ``retry`` and ``keep``: the records that were written down."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.io.commands.replies.base import Reply, Text, Whole
from planner.records.base import Record
from planner.records.person import Exclusion, Keep, Override, Retry, Revocation


class ScoreJson(Record):
    """An override in hindsight: right, wrong or open, and the verdicts that say so."""

    result: Literal["right", "wrong", "open"]
    evidence: Text
    verdict_ids: tuple[str, ...]
    agreed: bool
    followed: bool


class ListedOverrideJson(Override):
    """An override as it was recorded, how it stands today, and its score."""

    standing: Literal["in force", "revoked", "expired", "replaced"]
    score: ScoreJson | None
    warning: str | None


class ScoreTallyJson(Record):
    """How many overrides that contradict something were right, wrong or are open; and how many agreed."""

    right: Whole
    wrong: Whole
    open: Whole
    agreed: Whole


class OverrideReply(Reply):
    """``override``; ``warning`` says which confirmed verdict it contradicts."""

    schema_: Literal["phasegate.override/1"] = Field("phasegate.override/1", alias="schema")
    program: Text
    warning: str | None
    override: Override | Revocation


class OverrideListReply(Reply):
    """``override --list``."""

    schema_: Literal["phasegate.override/1"] = Field("phasegate.override/1", alias="schema")
    program: Text
    overrides: tuple[ListedOverrideJson, ...]


class ExcludeReply(Reply):
    """``exclude``."""

    schema_: Literal["phasegate.exclude/1"] = Field("phasegate.exclude/1", alias="schema")
    exclusion: Exclusion


class RetryReply(Reply):
    """``retry``."""

    schema_: Literal["phasegate.retry/1"] = Field("phasegate.retry/1", alias="schema")
    retry: Retry


class KeepReply(Reply):
    """``keep``."""

    schema_: Literal["phasegate.keep/1"] = Field("phasegate.keep/1", alias="schema")
    keep: Keep
