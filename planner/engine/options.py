"""What one ``advance`` is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from planner.language.program import Program


@dataclass(frozen=True)
class AdvanceOptions:
    """The options of one ``advance``; see ``docs/cli.md``.

    Attributes:
        every: go on until done, blocked or waiting (``--all``).
        until: go on until this phase is judged, it included.
        accept: take the recommendation that waits for a person.
        fidelity: the rung of cost asked for; None means each phase's own.
        keep_going: make more runs though two arms failed in the same way.
        no_run: judge what there is and launch nothing.
        max_seconds: how long runs may be begun, from the start of the command on.
        deadline: seconds since the epoch after which no run is begun; None before the command has started.
        jobs: how many runs go on side by side; None means one for each processor.
        wait: wait while somebody else holds the program.
        quiet: nobody is asked anything.
    """

    every: bool = False
    until: str | None = None
    accept: bool = False
    fidelity: str | None = None
    keep_going: bool = False
    no_run: bool = False
    max_seconds: float | None = None
    deadline: float | None = None
    jobs: int | None = None
    wait: bool = False
    quiet: bool = False

    def of(self, program: Program) -> AdvanceOptions:
        """The options for a program: one that can make no runs is judged on what there is."""
        return self if program.launches else replace(self, no_run=True)

    @property
    def goes_on(self) -> bool:
        """Whether another step follows one that was judged."""
        return self.every or self.until is not None

    def started(self, now: float) -> AdvanceOptions:
        """The options of a command that starts now (seconds since the epoch)."""
        return replace(self, deadline=now + self.max_seconds) if self.max_seconds else self
