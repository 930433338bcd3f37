"""Replies of ``stop``, ``logs`` and ``prune``: what became of runs, what they printed, what is removed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.io.commands.replies.base import PathText, Reply, Text, Whole
from planner.records.base import Record


class StoppedRunJson(Record):
    """A run that was in progress, and what became of it: an outcome, or null where it is to be settled."""

    phase: Text
    arm: Text
    seed: Whole
    run_id: str | None
    outcome: str | None


class StopReply(Reply):
    """``stop``; ``stopped`` is false where no ``advance`` was at work."""

    schema_: Literal["phasegate.stop/1"] = Field("phasegate.stop/1", alias="schema")
    program: Text
    stopped: bool
    pid: Whole | None
    since: str | None
    runs: tuple[StoppedRunJson, ...]


class LogsReply(Reply):
    """``logs``; ``text`` is empty where nothing of what the run printed was kept."""

    schema_: Literal["phasegate.logs/1"] = Field("phasegate.logs/1", alias="schema")
    program: Text
    run_id: Text
    running: bool
    text: str


class DispensableJson(Record):
    """A folder that nothing rests on."""

    kind: Literal["code", "work", "quarantine"]
    path: PathText
    bytes: Whole
    why: Text


class PruneReply(Reply):
    """``prune``; ``left_alone`` are programs that are at work."""

    schema_: Literal["phasegate.prune/1"] = Field("phasegate.prune/1", alias="schema")
    dry_run: bool
    items: tuple[DispensableJson, ...]
    bytes: Whole
    left_alone: tuple[str, ...]
