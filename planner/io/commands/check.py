"""``check``: what is wrong with a program, without running it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import Fault, ProgramError, StoreUnavailable, each_apart
from planner.io.commands.noise_check import measured_faults
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.programs.loader import find_program, load_program, program_names
from planner.io.store.evidence_sources import runs_in_sources
from planner.io.workers.code_digest import files_matching
from planner.io.workers.program_code import code_of
from planner.language.finding import Finding, error, warning
from planner.language.program import Program
from planner.linting.check import check
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


def answer_check(home: Home, which: str | None) -> CommandResult:
    """What the static check says of a program, a file, or all programs."""
    findings, faults = check_programs(home, which)
    errors = [finding for _, finding in findings if finding.severity == "error"]

    def reply() -> Reply:
        from planner.io.commands.replies.error import error_replies
        from planner.io.commands.replies.reading import CheckReply, FindingJson

        rows = [FindingJson(program=name, **dict(finding)) for name, finding in findings]
        return CheckReply(ok=not errors and not faults, findings=tuple(rows), errors=error_replies(faults))

    def text() -> str:
        nothing = [] if findings or faults else ["no faults found"]
        return joined([*(f"{name}: {finding}" for name, finding in findings), *nothing])

    return CommandResult(reply, text, faults, exit_code=1 if errors else 0)


def check_programs(home: Home, which: str | None) -> tuple[list[tuple[str, Finding]], list[Fault]]:
    """The findings of the static check with the program each is about, and files that cannot be read.

    Args:
        which: a program's name, a file, or None for all programs.
    """
    by_program, faults = each_apart(_files(home, which), lambda path: _findings(home, path))
    return [finding for findings in by_program for finding in findings], faults


def _files(home: Home, which: str | None) -> list[Path]:
    if which is None:
        return [home.program(name) for name in program_names(home.root)]
    if which.endswith((".yaml", ".yml")) or _is_file(which):
        return [Path(which)]
    return [find_program(home.root, which)]


def _findings(home: Home, path: Path) -> list[tuple[str, Finding]]:
    program = load_program(path)
    findings = [
        *check(program),
        *_experiment_faults(home, program),
        *_program_faults(home, program),
        *_depends_faults(home, program),
        *_evidence_faults(home, program),
        *measured_faults(home, program),
    ]
    return [(program.program, finding) for finding in findings]


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # longer than any name of a file, or with a NUL in it
        return False


def _program_faults(home: Home, program: Program) -> list[Finding]:
    """An error where a command begins with no program; a warning where ``notify`` does."""
    findings = []
    if _is_missing(home, program.command):
        what = f"'{(program.command or ('',))[0]}' is no program that can be run here"
        findings.append(error(("command", 0), what))
    if _is_missing(home, program.notify):
        what = f"'{(program.notify or ('',))[0]}' is no program that can be run here"
        findings.append(warning(("notify", 0), what))
    return findings


def _is_missing(home: Home, words: Sequence[str] | None) -> bool:
    first = (words or ("",))[0]
    if not first or "{" in first:
        return False
    name = str(home.root / first) if os.sep in first else first  # commands run in the home
    return shutil.which(name) is None


def _depends_faults(home: Home, program: Program) -> list[Finding]:
    """An error where the program says that it depends on files that are not there."""
    return [
        error(("depends", index), f"no file below the home matches '{pattern}'")
        for index, pattern in enumerate(program.depends)
        if not files_matching(home.root, [pattern])
    ]


def _evidence_faults(home: Home, program: Program) -> list[Finding]:
    """An error where a source leads nowhere; a warning for an arm of which none holds a run."""
    if not program.evidence:
        return []
    try:
        runs = runs_in_sources(home, program)
    except ProgramError as fault:
        return [error(path, what) for path, what in fault.problems]
    except StoreUnavailable as fault:
        return [warning(("evidence",), str(fault))]
    there = {(run.phase, run.arm) for run in runs}
    lacking = [
        warning(("phases", phase, "arms"), f"no run in the evidence is of arm '{arm}'")
        for phase, rules in program.phases.items()
        for arm in rules.arms
        if rules.runs_of is None and (phase, arm) not in there
    ]
    return [] if program.launches else lacking


def _experiment_faults(home: Home, program: Program) -> list[Finding]:
    """A warning where a program names an experiment that is not in this home."""
    if not program.launches:
        return []
    try:
        code_of(home, program)
    except ProgramError as fault:
        return [warning(path, what) for path, what in fault.problems]
    return []
