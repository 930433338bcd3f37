"""A home opened for reading: its programs, where they stand, and why."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from planner.api.explanations import Means, given_texts
from planner.api.programs import check as check_program
from planner.api.report import Report, report_of
from planner.api.simulations import calibrate as calibrate_program
from planner.deciding.situation import Plan
from planner.deciding.walk import build_plan
from planner.errors import Fault, UsageError, each_apart
from planner.explaining.in_json import as_json
from planner.explaining.in_text import as_text
from planner.explaining.what_if import what_if_lines
from planner.explaining.why_not import why_not, why_not_lines
from planner.io.commands.explain import trace_for
from planner.io.commands.open_home import open_program, read_program_state
from planner.io.commands.read import memo_text, status_reply
from planner.io.programs.loader import program_names
from planner.language.finding import Finding
from planner.language.program import Program
from planner.lineage.program_state import ProgramState
from planner.lineage.status import as_lines, program_state
from planner.paths import Home
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.verdict import Verdict
from planner.text.html import card, items, table


def open_home(folder: str | PathLike[str] = ".", /) -> HomeReader:
    """A home, opened for reading: nothing in it is changed.

    Args:
        folder: the one with ``knowledge/``, ``experiments/`` and ``mlruns/``.

    Raises:
        UsageError: there is no such folder, or it has no ``knowledge/programs``.

    Example:
        >>> import planner
        >>> planner.open_home("no such folder")
        Traceback (most recent call last):
        planner.errors.UsageError: there is no folder 'no such folder'
    """
    root = Path(fspath(folder))
    if not root.is_dir():
        raise UsageError(f"there is no folder '{root}'")
    home = Home(root.resolve())
    if not home.programs.is_dir():
        raise UsageError(
            f"'{root}' is no home: it has no knowledge/programs; 'phasegate init NAME' begins one"
        )
    return HomeReader(home)


class HomeReader:
    """What a home holds, read anew at every call.

    Verdicts, decisions and explanations come from the journal alone. :meth:`what_if` and :meth:`plan` read
    MLflow too. Every method that takes a program's name raises ``UsageError`` where there is none of that
    name, ``ProgramError`` where its file is malformed, and ``StoreUnavailable`` where a store cannot be read.

    Example:
        >>> import pathlib, tempfile, planner
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pathlib.Path(folder, "knowledge", "programs").mkdir(parents=True)
        ...     planner.open_home(folder).programs()
        []
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    def __repr__(self) -> str:
        return f"HomeReader({str(self._home.root)!r})"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        states, faults = each_apart(self.programs(), self._state)
        rows = ((s.program.program, program_state(s), s.program.question) for s in states)
        shown = table(("program", "state", "question"), rows)
        return card(self._home.root, shown, items("cannot be read", faults))

    def _state(self, name: str) -> ProgramState:
        return read_program_state(self._home, self.program(name))[0]

    def programs(self) -> list[str]:
        """The names of the programs, sorted."""
        return program_names(self._home.root)

    def program(self, name: str) -> Program:
        """The program of that name, as its file has it now."""
        return open_program(self._home, name)

    def status(self, name: str | None = None) -> Report:
        """Where phases stand, what is next, what has been spent; of every program if none is named.

        Returns:
            A report; ``data`` is what ``status --json`` gives. Where none is named, a program that cannot be
            read does not hide the others: the text says what is wrong with it.
        """
        if name is not None:
            states, faults = [self._state(name)], list[Fault]()
        else:
            states, faults = each_apart(self.programs(), self._state)
        data = status_reply(states, faults).as_json()
        return Report("\n\n".join(["\n".join(as_lines(s)) for s in states] + [str(f) for f in faults]), data)

    def verdicts(self, name: str) -> dict[str, Verdict]:
        """The latest verdict of each phase that is judged, by phase."""
        return dict(self._state(name).verdicts)

    def decisions(self, name: str) -> dict[str, Decision]:
        """The latest decision after each phase, by phase."""
        return dict(self._state(name).decisions)

    def overrides(self, name: str) -> list[Override]:
        """The overrides that stand today, oldest first."""
        return list(self._state(name).overrides)

    def memo(self, name: str, phase: str | None = None) -> str:
        """The memo of a phase as markdown; of the one judged last if none is named.

        Raises:
            UsageError: the phase is unknown or has not been judged.
        """
        return memo_text(self._home, name, phase)[0]

    def explain(
        self, name: str, phase: str | None = None, *, decision: str | None = None, full: bool = False
    ) -> Report:
        """Why the latest decision was made, or what is said of a phase, or a decision by its id.

        Args:
            decision: the beginning of an id is enough.
            full: every criterion, rule, guard and run id.

        Returns:
            A report; ``data`` is what ``explain --json`` gives.

        Raises:
            UsageError: there is no such phase or decision.
        """
        trace = trace_for(self._home, name, phase, decision)
        return Report(as_text(trace, full), as_json(trace))

    def why_not(self, name: str, choice: str, phase: str | None = None) -> Report:
        """Why an option, phase, case, tier or outcome was not chosen, and what would choose it.

        Raises:
            UsageError: nothing has that name; what there is, is listed.
        """
        answer = why_not(trace_for(self._home, name, phase, None), choice)
        return report_of(why_not_lines(answer), answer.model_dump(mode="json"))

    def what_if(self, name: str, means: Means, phase: str | None = None) -> Report:
        """What a phase, and the way on, would be if arms had measured something else.

        Args:
            means: ``"ARM.METRIC"`` -> the mean over seeds that it is to have, in the metric's unit.

        Returns:
            A report; ``data`` is the key ``what_if`` of ``explain --json``.

        Raises:
            UsageError: a name is no arm and metric of the phase, or the phase cannot be judged on the runs.
        """
        from planner.io.commands.explain import suppose

        data = suppose(self._home, trace_for(self._home, name, phase, None), given_texts(means))
        return report_of(what_if_lines(data), data)

    def plan(self, name: str, *, fidelity: str | None = None) -> Plan:
        """What ``advance`` would do now, as ``advance --dry-run``: see :func:`planner.plan`.

        Side effects: none on the home; asks the experiment in a process of its own about configurations
            that it has not described yet.
        """
        from planner.engine.options import AdvanceOptions
        from planner.io.commands.situation import load_situation

        options = AdvanceOptions(fidelity=fidelity)
        return build_plan(load_situation(self._home, self.program(name), options).state)

    def check(self, name: str) -> list[Finding]:
        """What is wrong with a program; see :func:`planner.check`."""
        return check_program(self.program(name))

    def calibrate(self, name: str, **options: Any) -> Report:
        """How often a program's gates would err; noise that is not stated is measured on its runs.

        Args:
            options: those of :func:`planner.calibrate`.
        """
        verdicts: Mapping[str, Verdict] = self.verdicts(name)
        return calibrate_program(self.program(name), **{"verdicts": verdicts.values(), **options})
