"""``doctor``: what is wrong with a home, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.io.commands.replies.result import CommandResult, joined
from planner.io.doctor.examine import as_lines, examine, is_sound
from planner.io.doctor.finding import HealthFinding
from planner.io.system.disk import bytes_of, in_words
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply
    from planner.io.commands.replies.reading import HealthFindingJson

WORTH_TELLING = 1_000_000
"""Bytes."""


def answer_doctor(home: Home, repair: bool) -> CommandResult:
    """Everything that is wrong with a home; with ``repair``, what was done about it, and what is left.

    Side effects: with ``repair``, those of :func:`planner.io.doctor.examine.examine`.
    """
    findings = examine(home, repair)
    disk = _disk(home)

    def reply() -> Reply:
        from planner.io.commands.replies.reading import DiskJson, DoctorReply

        rows = tuple(map(_finding_json, findings))
        return DoctorReply(ok=is_sound(findings), findings=rows, disk=DiskJson(**disk))

    lines = [*as_lines(findings), *_disk_lines(disk)]
    return CommandResult(reply, lambda: joined(lines), exit_code=0 if is_sound(findings) else 1)


def _disk(home: Home) -> dict[str, int]:
    """Bytes that lie below ``mlruns`` beside the record itself."""
    code = bytes_of(home.code(""))
    return {"code": code, "work": bytes_of(home.work) - code, "quarantine": bytes_of(home.quarantine)}


def _disk_lines(disk: dict[str, int]) -> list[str]:
    """What takes room, where that is worth a line."""
    if sum(disk.values()) < WORTH_TELLING:
        return []
    code, work, quarantine = map(in_words, disk.values())
    return [
        f"disk: kept code {code}, folders of runs {work}, set aside {quarantine}",
        "  'phasegate prune --dry-run' says what may go",
    ]


def _finding_json(finding: HealthFinding) -> HealthFindingJson:
    from planner.io.commands.replies.reading import HealthFindingJson

    return HealthFindingJson(
        id=finding.id,
        about=finding.about,
        program=finding.program or None,
        what=finding.what,
        mend=finding.mend,
        repairs=finding.repair is not None,
        warning=finding.warning,
        done=finding.done,
    )
