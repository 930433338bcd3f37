"""The code of one program of one home: what measures its arms, and what it says that it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import ProgramError
from planner.io.journal.journal import Journal
from planner.io.workers.code_digest import Code, read_command, read_experiment, with_files
from planner.io.workers.code_snapshot import keep_code
from planner.language.program import Program
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.workers.launcher import LocalLauncher


def read_measuring(home: Home, program: Program) -> Code:
    """What measures the program's arms, as it is now: the experiment's modules, or the command and its files.

    Raises:
        ProgramError: it is not there, or is no Python.
    """
    if program.experiment is None:
        return read_command(home.root, program.command or ())
    late = Journal(home.journal).imported_late(program.experiment)
    return read_experiment(home.experiments, program.experiment, late)


def read_code(home: Home, program: Program) -> Code:
    """``read_measuring`` with what the program says that it depends on.

    Raises:
        ProgramError: as there.
    """
    return with_files(home.root, read_measuring(home, program), program.depends)


def code_of(home: Home, program: Program) -> str:
    """The digest of ``read_code``."""
    return read_code(home, program).digest


def code_at_hand(home: Home, program: Program, needed: bool) -> Code:
    """``read_code``; with an empty digest where it is not there and not needed: nothing is to be run.

    Raises:
        ProgramError: it is needed and not there.
    """
    try:
        return read_code(home, program)
    except ProgramError:
        if needed:
            raise
        return Code("")


@dataclass
class CodeReader:
    """Reads what measures a program's arms, and lets a launcher run it.

    Side effects: keeps modules below ``mlruns/work``.
    """

    home: Home
    program: Program
    launcher: LocalLauncher
    _read: Code | None = None
    _kept: str = ""

    def __call__(self, anew: bool) -> Code:
        """The code; an experiment's modules as they were read first, unless they are to be read anew."""
        if self._read is None or anew or self.program.experiment is None:
            self._read = read_measuring(self.home, self.program)
        code = with_files(self.home.root, self._read, self.program.depends)
        if code.digest != self._kept:
            self.launcher.use(keep_code(self.home, code, self.program.command or ()))
            self._kept = code.digest
        return code
