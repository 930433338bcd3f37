"""``override``, ``exclude``, ``retry`` and ``keep``: what is said of what a person writes down."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from planner.io.commands.person import (
    OverrideRequest,
    exclude_run,
    keep_code,
    list_overrides,
    override_phase,
    retry_runs,
    revoke_override,
    warning_about,
)
from planner.io.commands.replies.result import CommandResult, joined
from planner.paths import Home
from planner.records.person import Override, Revocation
from planner.text.terminal import sentence

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


def answer_override(home: Home, name: str, phase: str | None, request: OverrideRequest) -> CommandResult:
    """Records a person's choice.

    Side effects: journal, then MLflow; a warning on stderr where it contradicts a confirmed verdict.
    """
    override = override_phase(home, name, phase, request)
    warning = warning_about(home, override)
    if warning:
        sys.stderr.write(sentence(f"warning: this {warning}; it is recorded all the same") + "\n")
    return _recorded(name, override, warning or None)


def answer_revoke(
    home: Home, name: str, override_id: str, by: str | None, reason: str | None
) -> CommandResult:
    """Takes an override back.

    Side effects: journal, then MLflow.
    """
    return _recorded(name, revoke_override(home, name, override_id, by, reason), None)


def _recorded(name: str, record: Override | Revocation, warning: str | None) -> CommandResult:
    def reply() -> Reply:
        from planner.io.commands.replies.person import OverrideReply

        return OverrideReply(program=name, warning=warning, override=record)

    return CommandResult(reply, lambda: f"recorded {record.id}; the next advance follows it\n")


def answer_override_list(home: Home, name: str, phase: str | None) -> CommandResult:
    """Every override of a program, or of one phase."""
    rows = list_overrides(home, name, phase)

    def reply() -> Reply:
        from planner.io.commands.replies.person import OverrideListReply

        return OverrideListReply.model_validate({"program": name, "overrides": rows})

    def text() -> str:
        from planner.scoring.override_list import override_lines

        return joined(line for row in rows for line in override_lines(row)) or "no overrides\n"

    return CommandResult(reply, text)


def answer_exclude(home: Home, run: str, reason: str | None, by: str | None, undo: bool) -> CommandResult:
    """Keeps a run out of all evidence, or takes that back.

    Side effects: journal, then MLflow.
    """
    record = exclude_run(home, run, reason, by, undo)

    def reply() -> Reply:
        from planner.io.commands.replies.person import ExcludeReply

        return ExcludeReply(exclusion=record)

    verb = "counts again" if undo else "is kept out of all evidence from the next advance on"
    return CommandResult(reply, lambda: f"run {record.run_id} of {record.program} {verb}\n")


def answer_retry(
    home: Home, name: str, runs: Sequence[str], reason: str | None, by: str | None
) -> CommandResult:
    """Has failed runs made again.

    Side effects: journal, then MLflow.
    """
    record = retry_runs(home, name, runs, reason, by)

    def reply() -> Reply:
        from planner.io.commands.replies.person import RetryReply

        return RetryReply(retry=record)

    count = len(record.run_ids)
    what = f"{count} failed run{'s' if count > 1 else ''} of {name}"
    return CommandResult(reply, lambda: f"the next advance makes {what} again\n")


def answer_keep(home: Home, name: str, reason: str | None, by: str | None) -> CommandResult:
    """Declares a change of the experiment's code harmless.

    Side effects: journal, then MLflow.
    """
    record = keep_code(home, name, reason, by)

    def reply() -> Reply:
        from planner.io.commands.replies.person import KeepReply

        return KeepReply(keep=record)

    return CommandResult(
        reply, lambda: f"runs of {len(record.old)} earlier version(s) of the code count again\n"
    )
