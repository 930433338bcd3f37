"""What was expected of a verdict before the runs: predictions and rival hypotheses, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from planner.program import Program
from planner.records import Record, Verdict


class Foretold(Record):
    """A registered prediction.

    Attributes:
        what: the verdict that is expected, for example ``case b``.
        came: whether it came true; None while the verdict does not say.
    """

    what: str
    probability: float
    because: str
    came: bool | None


class Rival(Record):
    """One of the hypotheses between which a phase decides.

    Attributes:
        status: ``open`` until the phase has decided.
    """

    id: str
    says: str
    status: Literal["open", "holds", "does not hold"]


def prediction_of(program: Program, phase: str, verdict: Verdict | None) -> Foretold | None:
    """The prediction that a phase registers, held against its verdict; None where there is none."""
    told = program.phases[phase].prediction if phase in program.phases else None
    if told is None:
        return None
    kinds = {"outcome": told.outcome, "tier": told.tier, "case": told.case}
    kind, expected = next((k, v) for k, v in kinds.items() if v is not None)
    found = getattr(verdict, kind) if verdict is not None and verdict.outcome in ("pass", "fail") else None
    return Foretold(
        what=expected if kind == "outcome" else f"{kind} {expected}",
        probability=told.probability,
        because=told.because,
        came=None if found is None else found == expected,
    )


def rivals_of(program: Program, verdicts: Mapping[str, Verdict]) -> list[Rival]:
    """The program's rival hypotheses as they stand after these verdicts; empty where it has none."""
    told = program.hypotheses
    if told is None:
        return []
    decided = verdicts.get(told.decided_by)
    winner = decided.hypothesis if decided is not None else None
    return [Rival(id=name, says=says, status=_status(name, winner)) for name, says in told.rivals.items()]


def _status(name: str, winner: str | None) -> Literal["open", "holds", "does not hold"]:
    if winner is None:
        return "open"
    return "holds" if name == winner else "does not hold"
