"""The replies by name, and the JSON Schema of each."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from planner.errors import UsageError
from planner.io.commands.replies.advance import AdvanceAllReply, AdvanceReply, DryRunAllReply, DryRunReply
from planner.io.commands.replies.calibrate import CalibrateReply
from planner.io.commands.replies.error import ErrorReply
from planner.io.commands.replies.explain import ExplainReply
from planner.io.commands.replies.judge import AdoptReply, JudgeReply
from planner.io.commands.replies.knowledge import KnowledgeReply
from planner.io.commands.replies.person import (
    ExcludeReply,
    KeepReply,
    OverrideListReply,
    OverrideReply,
    RetryReply,
)
from planner.io.commands.replies.reading import (
    CheckReply,
    DoctorReply,
    GraphReply,
    InitReply,
    MemoReply,
    ProgramsReply,
    StatusReply,
)
from planner.io.commands.replies.replay import MemoVerifyReply, ReplayReply, ReplayRulesReply
from planner.io.commands.replies.upkeep import LogsReply, PruneReply, StopReply
from planner.language.suggestions import closest

REPLIES: dict[str, Any] = {
    "programs": ProgramsReply,
    "status": StatusReply,
    "explain": ExplainReply,
    "memo": MemoReply,
    "memo-verify": MemoVerifyReply,
    "graph": GraphReply,
    "knowledge": KnowledgeReply,
    "check": CheckReply,
    "calibrate": CalibrateReply,
    "judge": JudgeReply,
    "adopt": AdoptReply,
    "replay": ReplayReply,
    "replay-rules": ReplayRulesReply,
    "advance": AdvanceReply | AdvanceAllReply,
    "advance-dry-run": DryRunReply | DryRunAllReply,
    "override": OverrideReply,
    "override-list": OverrideListReply,
    "exclude": ExcludeReply,
    "retry": RetryReply,
    "keep": KeepReply,
    "doctor": DoctorReply,
    "init": InitReply,
    "stop": StopReply,
    "logs": LogsReply,
    "prune": PruneReply,
    "error": ErrorReply,
}
"""Name -> type: ``COMMAND``, ``COMMAND-OPTION`` where an option makes another reply, and ``error``."""


class _Published(GenerateJsonSchema):
    """Every key of a reply is there, and more may come."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        published = super().model_schema(schema)
        published.pop("additionalProperties", None)
        return published


def reply_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a reply.

    Raises:
        UsageError: no reply has that name; those that there are, are listed.
    """
    if name not in REPLIES:
        meant = closest(name, REPLIES)
        hint = f"did you mean '{meant}'? " if meant else ""
        raise UsageError(f"no reply '{name}'; {hint}known: {', '.join(REPLIES)}")
    published = TypeAdapter(REPLIES[name]).json_schema(mode="serialization", schema_generator=_Published)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **published,
        "title": f"phasegate {name} --json",
    }
