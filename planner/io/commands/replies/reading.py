"""Replies of ``programs``, ``status``, ``memo``, ``graph``, ``check``, ``doctor`` and ``init``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.io.commands.replies.base import (
    Amount,
    MaybeConfidence,
    MaybeOutcome,
    MaybePathText,
    PathText,
    PhaseStateName,
    ProgramStateName,
    Reply,
    Text,
    Whole,
)
from planner.io.commands.replies.error import ErrorReply
from planner.phase_graph.render import PhaseState
from planner.records.base import Record
from planner.records.decision import Action
from planner.records.repeats import Repeat
from planner.records.runs import Failure


class ProgramJson(Record):
    """A program: its question and its phases."""

    name: Text
    question: Text
    phases: tuple[str, ...]


class ProgramsReply(Reply):
    """``programs``."""

    schema_: Literal["phasegate.programs/1"] = Field("phasegate.programs/1", alias="schema")
    programs: tuple[ProgramJson, ...]
    errors: tuple[ErrorReply, ...] = ()


class NextJson(Record):
    """What the next ``advance`` will do; where that is nothing, ``commands`` says what a person may type."""

    action: Action
    target: str | None
    reason: Text
    commands: tuple[str, ...]


class SpentJson(Record):
    """What a program has spent so far."""

    runs: Whole
    seconds: Amount


class IdentityJson(Record):
    """Of so many runs, how many were made before a run's code and data were looked at after it, too."""

    runs: Whole
    unchecked: Whole


class PhaseJson(Record):
    """Where a phase stands."""

    name: Text
    state: PhaseStateName
    outcome: MaybeOutcome
    confidence: MaybeConfidence
    tier: str | None
    case: str | None
    stale: bool
    stale_because: str | None
    superseded_by: str | None
    rejected_by: str | None
    failures: tuple[Failure, ...]


class RunAtWorkJson(Record):
    """A run that is being made; ``step`` is null where it has measured nothing by steps yet.

    ``repeats`` is the run that it makes a second time.
    """

    phase: Text
    arm: Text
    seed: Whole
    run_id: str | None
    since: Text
    seconds: Amount
    step: Whole | None
    repeats: str | None


class ProgramStatusJson(Record):
    """Where a program stands."""

    name: Text
    state: ProgramStateName
    fidelity: Text
    phases: tuple[PhaseJson, ...]
    running: tuple[RunAtWorkJson, ...]
    next: NextJson
    spent: SpentJson
    identity: IdentityJson
    repeats: tuple[Repeat, ...]


class StatusReply(Reply):
    """``status``."""

    schema_: Literal["phasegate.status/1"] = Field("phasegate.status/1", alias="schema")
    programs: tuple[ProgramStatusJson, ...]
    errors: tuple[ErrorReply, ...] = ()


class MemoReply(Reply):
    """``memo``."""

    schema_: Literal["phasegate.memo/1"] = Field("phasegate.memo/1", alias="schema")
    program: Text
    path: PathText
    text: Text


class GraphReply(Reply):
    """``graph``: each phase with its state, and the graph as mermaid."""

    schema_: Literal["phasegate.graph/1"] = Field("phasegate.graph/1", alias="schema")
    program: Text
    phases: dict[str, PhaseState]
    mermaid: Text


class FindingJson(Record):
    """Something that is wrong, or likely not meant, in a program."""

    program: Text
    severity: Literal["error", "warning"]
    where: tuple[str | int, ...]
    what: Text


class CheckReply(Reply):
    """``check``."""

    schema_: Literal["phasegate.check/1"] = Field("phasegate.check/1", alias="schema")
    ok: bool
    findings: tuple[FindingJson, ...]
    errors: tuple[ErrorReply, ...] = ()


class HealthFindingJson(Record):
    """Something that is wrong in a home; ``repairs`` says whether ``--repair`` can mend it."""

    id: Text
    about: PathText
    program: str | None
    what: PathText
    mend: PathText
    repairs: bool
    warning: bool
    done: MaybePathText


class DiskJson(Record):
    """Bytes that kept code, the folders of runs, and what was set aside take."""

    code: Whole
    work: Whole
    quarantine: Whole


class DoctorReply(Reply):
    """``doctor``."""

    schema_: Literal["phasegate.doctor/1"] = Field("phasegate.doctor/1", alias="schema")
    ok: bool
    findings: tuple[HealthFindingJson, ...]
    disk: DiskJson


class InitReply(Reply):
    """``init``: the files that were written."""

    schema_: Literal["phasegate.init/1"] = Field("phasegate.init/1", alias="schema")
    program: Text
    path: PathText
    experiment: PathText | None
