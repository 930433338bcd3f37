"""``doctor``: what is wrong with a home, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.io.commands.replies.result import CommandResult, joined
from planner.io.doctor.examine import as_lines, examine, is_sound
from planner.io.doctor.finding import HealthFinding
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply
    from planner.io.commands.replies.reading import HealthFindingJson


def answer_doctor(home: Home, repair: bool) -> CommandResult:
    """Everything that is wrong with a home; with ``repair``, what was done about it, and what is left.

    Side effects: with ``repair``, those of :func:`planner.io.doctor.examine.examine`.
    """
    findings = examine(home, repair)

    def reply() -> Reply:
        from planner.io.commands.replies.reading import DoctorReply

        return DoctorReply(ok=is_sound(findings), findings=tuple(map(_finding_json, findings)))

    return CommandResult(reply, lambda: joined(as_lines(findings)), exit_code=0 if is_sound(findings) else 1)


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
