"""Replies of ``replay``, ``replay --rules`` and ``memo --verify``: what comes out of MLflow again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from planner.io.commands.replies.base import (
    Amount,
    MaybeConfidence,
    MaybeOutcome,
    MaybePathText,
    PathText,
    Reply,
    Text,
    Whole,
)
from planner.records.base import Record
from planner.records.decision import Action


class CountJson(Record):
    """How many records there are, come out again, do not, and were written by an earlier version."""

    recorded: Whole
    equal: Whole
    differ: Whole
    older: Whole


class ChangedRuleJson(Record):
    """A key of the rules that changed."""

    path: Text
    old: JsonValue
    new: JsonValue


class DifferenceJson(Record):
    """Why a record does not come out again; ``id`` is that of a run for ``evidence``, else of a record."""

    kind: Literal["rules", "evidence", "record"]
    id: Text
    what: Text
    changes: tuple[ChangedRuleJson, ...]


class ReplayDifferenceJson(DifferenceJson):
    """The same with the records that do not come out because of it."""

    records: tuple[str, ...]


class ReplayedJson(Record):
    """What came of deriving one record again."""

    kind: Literal["verdict", "decision"]
    id: Text
    phase: Text
    fidelity: Text
    equal: bool
    older: bool


class ReplayReply(Reply):
    """``replay``."""

    schema_: Literal["phasegate.replay/1"] = Field("phasegate.replay/1", alias="schema")
    program: Text
    ok: bool
    decisions: CountJson
    verdicts: CountJson
    differences: tuple[ReplayDifferenceJson, ...]
    records: tuple[ReplayedJson, ...]
    pending: tuple[str, ...]
    elsewhere: tuple[str, ...]


class MovedJson(Record):
    """What an edited program makes of a recorded decision; ``field`` is empty where nothing changes."""

    id: Text
    phase: Text
    fidelity: Text
    field: str
    was: str | None
    would_be: str | None


class ReachedJson(Record):
    """What came of a phase."""

    outcome: MaybeOutcome
    confidence: MaybeConfidence
    case: str | None
    tier: str | None
    action: Action
    choice: str | None


class CostJson(Record):
    """Runs that the program uses, and that an edited one would use."""

    before: Whole
    after: Whole
    saved: Whole
    added: Whole
    unmade: Whole
    seconds_saved: Amount
    seconds_added: Amount


class PhaseMovedJson(Record):
    """A phase on record and under the edited program; null where it was, or would be, not judged."""

    phase: Text
    recorded: ReachedJson | None
    edited: ReachedJson | None
    cost: CostJson


class WayJson(Record):
    """One fidelity's whole way on record and under the edited program."""

    fidelity: str | None
    phases: tuple[PhaseMovedJson, ...]
    total: CostJson
    open_at: str | None
    refused_at: str | None


class ReplayRulesReply(Reply):
    """``replay --rules FILE``."""

    schema_: Literal["phasegate.replay/1"] = Field("phasegate.replay/1", alias="schema")
    program: Text
    rules: PathText
    decisions: tuple[MovedJson, ...]
    ways: tuple[WayJson, ...]


class SlipJson(Record):
    """A place at which a memo, in its file or in MLflow, says something else than the runs give."""

    where: PathText
    kind: Literal["number", "text", "figure", "missing"]
    line: Whole
    section: str
    says: str
    gives: str


class VerifiedMemoJson(Record):
    """What came of verifying one memo."""

    phase: Text
    fidelity: Text
    path: PathText
    ok: bool
    older: bool
    numbers: Whole
    slips: tuple[SlipJson, ...]
    because: tuple[DifferenceJson, ...]


class MemoVerifyReply(Reply):
    """``memo --verify``; ``path`` and ``text`` where one memo was verified."""

    schema_: Literal["phasegate.memo/1"] = Field("phasegate.memo/1", alias="schema")
    program: Text
    path: MaybePathText
    text: str | None
    ok: bool
    memos: tuple[VerifiedMemoJson, ...]
