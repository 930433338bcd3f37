"""Decisions: what happens next, by which rule, from which inputs, and what was rejected."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from planner.language.prediction import Prediction
from planner.records.base import Identified, Record
from planner.records.rule_ref import RuleRef, read_rule
from planner.records.verdict import Considered

Action = Literal["run_phase", "add_seeds", "run_diagnostic", "take_option", "wait", "stop"]
NeedsPerson = Literal["to_approve", "to_act", "to_confirm"]


class Rejected(Record):
    """An alternative that was not chosen, why not, and what would have chosen it."""

    choice: str
    reason: str
    flips_if: str = ""


class Due(Record):
    """An option that was deferred and whose condition is met by now.

    Attributes:
        holder: the phase whose triage has it.
    """

    holder: str
    option: str


class Inputs(Record):
    """What a decision rested on besides the program and its verdict: with it, it can be derived again.

    Attributes:
        verdicts: ids of the verdicts before, in the order of the way.
        owner: (phase, the phase whose triage opened it).
        tried: (phase, options of its triage that were taken).
        diagnosed: phases whose diagnosis was started.
        asked: (arm, seed) of every run that was missing, where runs are made.
        considered: the runs that were looked at, where a verdict was not yet final.
        because: why runs were missing, where they are made.
        prediction: what was foretold then of the phase that the decision opens.
    """

    verdicts: tuple[str, ...] = ()
    owner: tuple[tuple[str, str], ...] = ()
    tried: tuple[tuple[str, tuple[str, ...]], ...] = ()
    diagnosed: tuple[str, ...] = ()
    asked: tuple[tuple[str, int], ...] = ()
    considered: tuple[Considered, ...] = ()
    because: str = ""
    prediction: Prediction | None = None


def _read_ids(value: Any) -> Any:
    """A record names several overrides in one text."""
    return tuple(value.split(", ")) if isinstance(value, str) else value or ()


def _write_ids(ids: tuple[str, ...]) -> str | None:
    return ", ".join(ids) or None


OverrideIds = Annotated[
    tuple[str, ...], BeforeValidator(_read_ids), PlainSerializer(_write_ids, return_type=str | None)
]


class Decision(Identified):
    """What happens next, and why.

    Attributes:
        phase: the phase whose verdict (or want of evidence) led to it.
        choice: the option or phase that it names; None for a stop.
        target: the phase that it opens, where it opens one.
        rule: the rule in the program that decided.
        recommended: what the rules recommend where a person chose otherwise.
        override_ids: the overrides that it follows.
        due: options that were deferred, whose condition is met, and that no rule takes any more.
        inputs: what it rested on; None in records of earlier versions.

    Example:
        >>> import planner
        >>> from planner.testing import example_program, example_table
        >>> decision = planner.plan(example_program(), example_table()).next
        >>> decision.phase, decision.action
        ('first_look', 'stop')
    """

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    program: str
    phase: str
    fidelity: str
    action: Action
    choice: str | None = None
    target: str | None = None
    reason: Annotated[str, Field(min_length=1)]
    rule: Annotated[RuleRef, PlainSerializer(str, return_type=str)]
    verdict_id: str | None = None
    rejected: tuple[Rejected, ...] = ()
    needs_person: NeedsPerson | None = None
    recommended: str | None = None
    override_ids: OverrideIds = Field((), alias="override_id")
    due: tuple[Due, ...] = ()
    program_digest: str
    inputs: Inputs | None = None

    @pydantic.field_validator("rule", mode="before")
    @classmethod
    def _read_rule(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """A record holds a rule as text, which is read once, here."""
        if not isinstance(value, str):
            return value
        decided = info.data  # the fields before this one, as far as they are valid
        return read_rule(value, decided.get("phase", ""), decided.get("action", ""), decided.get("choice"))
