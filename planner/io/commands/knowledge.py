"""``knowledge``: what is known, from program files and the journal alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from planner.errors import Fault, each_apart
from planner.io.commands.open_home import open_program, read_program_state
from planner.io.commands.read import said_or_written, writing
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.programs.loader import program_names
from planner.io.system.clock import SystemClock
from planner.knowledge.build import Knowledge, build_knowledge
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply

KnowledgeFormat = Literal["text", "json", "mermaid", "svg", "png"]


def answer_knowledge(home: Home, name: str | None, form: KnowledgeFormat, out: Path | None) -> CommandResult:
    """Claims, predictions and overrides of one program, or of all.

    Side effects: its text may write files.
    """
    programs, faults = knowledge_of(home, name)

    def reply() -> Reply:
        from planner.io.commands.replies.error import error_replies
        from planner.io.commands.replies.knowledge import KnowledgeReply
        from planner.knowledge.in_json import as_json

        return KnowledgeReply.model_validate({**as_json(programs), "errors": error_replies(faults)})

    return CommandResult(reply, lambda: _as_text(programs, form, out), faults)


def _as_text(programs: Sequence[Knowledge], form: KnowledgeFormat, out: Path | None) -> str:
    if form in ("svg", "png"):
        from planner.io.pictures.claims import write_charts

        with writing(out or Path(f"PROGRAM.knowledge.{form}")):
            return joined(map(str, write_charts(programs, form, out)))
    if not programs:
        return ""
    if form == "mermaid":
        from planner.knowledge.in_mermaid import as_mermaid

        return said_or_written(as_mermaid(programs), out)
    from planner.knowledge.in_text import as_text

    return said_or_written(as_text(programs), out)


def knowledge_of(home: Home, name: str | None) -> tuple[Sequence[Knowledge], Sequence[Fault]]:
    """What is known in one program, or in all; and what is wrong with programs that cannot be read."""

    def build(which: str) -> Knowledge:
        state, entries = read_program_state(home, open_program(home, which))
        return build_knowledge(state, entries, SystemClock().now())

    return each_apart([name] if name is not None else program_names(home.root), build)
