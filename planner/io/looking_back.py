"""Overrides as the journal has them: which stand, how each looks in hindsight, what it contradicts."""

from __future__ import annotations

from typing import Any

from planner.errors import UsageError
from planner.io.commands.open_home import open_journal, open_program
from planner.io.system.clock import SystemClock
from planner.paths import Home
from planner.records.person import Override
from planner.scoring.override_list import override_rows
from planner.scoring.overrides import score_overrides


def list_overrides(home: Home, name: str, phase: str | None) -> list[dict[str, Any]]:
    """Every override of a program, or of one phase, with how it stands and its score.

    Raises:
        UsageError: there is no such phase.
    """
    program = open_program(home, name)
    if phase is not None and phase not in program.phases:
        raise UsageError(f"{name} has no phase '{phase}'; it has {', '.join(program.phases)}")
    entries = open_journal(home, program).entries(name)
    rows = override_rows(program, entries, SystemClock().now())
    return [row for row in rows if phase in (None, row["phase"])]


def warning_about(home: Home, told: Override) -> str:
    """The confirmed verdict that a recorded override contradicts, in words; empty where there is none."""
    program = open_program(home, told.program)
    return score_overrides(program, open_journal(home, program).entries(told.program))[told.id].warning
