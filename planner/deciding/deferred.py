"""Options that wait for a condition: what they wait for, and whether they are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from planner.criteria.judge import lookup
from planner.criteria.wording import requirement_text
from planner.language.program import Option, Program
from planner.language.references import readings
from planner.records.decision import Due
from planner.records.verdict import CriterionResult, Verdict
from planner.text.numbers import number


@dataclass(frozen=True)
class Condition:
    """A criterion on which an option waits.

    Attributes:
        name: as the option has it.
        requirement: metric, arms and bound, in words.
        result: what was found; None where its phase is not judged.
    """

    name: str
    requirement: str
    result: CriterionResult | None

    @property
    def met(self) -> bool:
        return self.result is not None and self.result.outcome == "met"

    @property
    def text(self) -> str:
        """What is asked and what was observed."""
        return f"{self.name} ({self.requirement}; {self._seen})"

    @property
    def _seen(self) -> str:
        if self.result is None:
            return "not judged yet"
        if self.result.observed is None:
            return self.result.reason
        return f"observed {number(self.result.observed)}"


def conditions_of(
    program: Program, holder: str, option: Option, verdicts: Mapping[str, Verdict]
) -> list[Condition]:
    """What an option of a phase's triage waits for; nothing where it is free from the start."""
    conditions = []
    for name in option.revisit_when:
        phase, criterion = readings(program, holder, name)[0]
        requirement = requirement_text(program.phases[phase].criteria[criterion])
        own = verdicts[holder].criterion(name) if holder in verdicts else None
        conditions.append(Condition(name, requirement, own or lookup(name, verdicts)[1]))
    return conditions


def why_deferred(unmet: Iterable[Condition]) -> tuple[str, str]:
    """(reason, what would take it) for an option whose conditions are not met."""
    waiting = list(unmet)
    wanted = " and ".join(f"{c.name} were met: {c.requirement}" for c in waiting)
    return f"deferred until {' and '.join(c.text for c in waiting)}", f"would be taken if {wanted}"


def due_options(
    program: Program, verdicts: Mapping[str, Verdict], tried: Mapping[str, tuple[str, ...]]
) -> dict[Due, str]:
    """The deferred options that nothing stands against any more, and why each is due.

    Args:
        tried: phase -> options of its triage that were taken.
    """
    reasons = {}
    for holder in verdicts:
        triage = program.phases[holder].triage
        for option in triage.options if triage else ():
            waits = conditions_of(program, holder, option, verdicts)
            new = option.opens not in verdicts and option.option not in tried.get(holder, ())
            if new and waits and all(condition.met for condition in waits):
                due = Due(holder=holder, option=option.option)
                reasons[due] = " and ".join(condition.text for condition in waits)
    return reasons
