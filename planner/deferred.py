"""Options that wait for a condition: what they wait for, and whether they are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from planner.criteria.judge import lookup
from planner.criteria.wording import bound_text, number
from planner.criterion import Combined, Comparison, Criterion, Order, Spread
from planner.evidence import which_value
from planner.program import Option, Program
from planner.records import CriterionResult, Verdict
from planner.references import readings


@dataclass(frozen=True)
class Condition:
    """A criterion on which an option waits.

    Attributes:
        name: as the option has it.
        asked: metric, arms and bound, in words.
        result: what was found; None where its phase is not judged.
    """

    name: str
    asked: str
    result: CriterionResult | None

    @property
    def met(self) -> bool:
        return self.result is not None and self.result.outcome == "met"

    @property
    def told(self) -> str:
        """What is asked and what was observed."""
        return f"{self.name} ({self.asked}; {self._seen})"

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
    found = []
    for name in option.revisit_when:
        phase, criterion = readings(program, holder, name)[0]
        asked = asked_text(program.phases[phase].criteria[criterion])
        own = verdicts[holder].criterion(name) if holder in verdicts else None
        found.append(Condition(name, asked, own or lookup(name, verdicts)[1]))
    return found


def why_deferred(unmet: Iterable[Condition]) -> tuple[str, str]:
    """(reason, what would take it) for an option whose conditions are not met."""
    waiting = list(unmet)
    wanted = " and ".join(f"{c.name} were met: {c.asked}" for c in waiting)
    return f"deferred until {' and '.join(c.told for c in waiting)}", f"would be taken if {wanted}"


def due_options(
    program: Program, verdicts: Mapping[str, Verdict], tried: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """The deferred options that nothing stands against any more: option -> why it is due.

    Args:
        tried: phase -> options of its triage that were taken.
    """
    found = {}
    for holder in verdicts:
        triage = program.phases[holder].triage
        for option in triage.options if triage else ():
            waits = conditions_of(program, holder, option, verdicts)
            new = option.opens not in verdicts and option.option not in tried.get(holder, ())
            if new and waits and all(condition.met for condition in waits):
                found[option.option] = " and ".join(condition.told for condition in waits)
    return found


def asked_text(rule: Criterion) -> str:
    """What a criterion asks, in words: ``score of new at least 1``."""
    if isinstance(rule, Combined):
        return (" and " if rule.all_of else " or ").join(rule.parts)
    metric = ("sd over seeds of " if rule.over_seeds else "") + rule.metric + which_value(rule)
    key = rule.threshold_key
    bound = bound_text(key, getattr(rule, key)) if key else "from best to worst"
    return f"{metric} of {_subjects_text(rule)} {bound}"


def _subjects_text(rule: Criterion) -> str:
    if isinstance(rule, Order | Spread):
        return ", ".join(rule.subjects)
    assert not isinstance(rule, Combined)
    who = (" or " if rule.any_arm else " and ").join(rule.subjects)
    if not isinstance(rule, Comparison):
        return who
    return f"{who} {'over' if rule.as_ == 'ratio' else 'against'} {rule.versus or rule.versus_metric}"
