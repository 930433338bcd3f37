"""Which arm of a program a run of others is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planner.evidence.values import as_text
from planner.history.arms import value_of
from planner.history.filtering import parse_condition
from planner.history.logged_run import LoggedRun
from planner.language.evidence_source import EvidenceSource
from planner.language.program import Program

IsOfArm = Callable[[LoggedRun], bool]


@dataclass(frozen=True)
class ArmRule:
    """How the runs of one arm of one phase are told from others."""

    phase: str
    arm: str
    holds: IsOfArm


def arm_rules(program: Program, source: EvidenceSource) -> list[ArmRule]:
    """A rule for each arm of each phase that reads runs of its own.

    A phase's ``select`` decides for the arms that it names; the others are known by their parameters.

    Raises:
        OptionError: a filter cannot be read.
    """
    names = source.arms_by or settings_of_arms(program)
    return [
        ArmRule(
            phase,
            arm,
            parse_condition(rules.select[arm])
            if arm in rules.select
            else _alike(setting_of(program, phase, arm, names)),
        )
        for phase, rules in program.phases.items()
        if rules.runs_of is None
        for arm in rules.arms
    ]


def settings_of_arms(program: Program) -> list[str]:
    """Every parameter that an arm or a phase sets."""
    held = (*program.arms.values(), *(phase.with_ for phase in program.phases.values()))
    return list(dict.fromkeys(name for params in held for name in params))


def setting_of(program: Program, phase: str, arm: str, names: Sequence[str]) -> dict[str, str | None]:
    """What an arm has of these parameters, as text that compares; None of what it does not set."""
    params = program.params(phase, arm)
    return {name: as_text(params[name]) if name in params else None for name in names}


def _alike(setting: Mapping[str, str | None]) -> IsOfArm:
    """Whether a run has all of an arm's setting; of what the arm does not set, it logged none."""
    return lambda run: all(value_of(run, name) == value for name, value in setting.items())
