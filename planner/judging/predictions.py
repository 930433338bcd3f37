"""What was expected of a verdict before the runs: predictions and rival hypotheses, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from planner.criteria.judge import result_from
from planner.judging.decision_table import may_hold
from planner.language.prediction import Prediction
from planner.language.program import Program
from planner.records.base import Record
from planner.records.decision import Decision
from planner.records.journal_entry import AnyEntry
from planner.records.verdict import Verdict


class RegisteredPrediction(Record):
    """A registered prediction, held against the verdict.

    Attributes:
        what: the verdict that is expected, for example ``case b``.
        came: whether it came true; None while it may still.
        changed: the program says something else by now; what was registered before the runs counts.
    """

    what: str
    probability: float
    because: str
    came: bool | None
    changed: bool = False


class Rival(Record):
    """One of the hypotheses between which a phase decides.

    Attributes:
        status: ``open`` until the phase has decided.
    """

    id: str
    says: str
    status: Literal["open", "holds", "does not hold"]


def prediction_of(
    program: Program,
    phase: str,
    verdict: Verdict | None,
    earlier: Mapping[str, Verdict] | None = None,
    registered: Mapping[str, Prediction | None] | None = None,
) -> RegisteredPrediction | None:
    """The prediction that a phase registers, held against its verdict; None where there is none.

    Args:
        earlier: verdicts of the phases whose criteria this one's rules name.
        registered: phase -> what was predicted before its runs, where that is on record: it counts, whatever
            the program says by now.
    """
    today = program.phases[phase].prediction if phase in program.phases else None
    prediction = (registered or {}).get(phase, today)
    if prediction is None:
        return None
    kinds = {"outcome": prediction.outcome, "tier": prediction.tier, "case": prediction.case}
    kind, expected = next((k, v) for k, v in kinds.items() if v is not None)
    return RegisteredPrediction(
        what=expected if kind == "outcome" else f"{kind} {expected}",
        probability=prediction.probability,
        because=prediction.because,
        came=_came(program, verdict, kind, expected, earlier or {}),
        changed=prediction != today,
    )


def registered_predictions(entries: Iterable[AnyEntry]) -> dict[str, Prediction | None]:
    """Phase -> what the first decision that opened it said of it.

    Args:
        entries: those of a journal, oldest first; decisions of earlier versions say nothing.
    """
    registered: dict[str, Prediction | None] = {}
    for record in (entry.record for entry in entries):
        if isinstance(record, Decision) and record.inputs is not None and record.target is not None:
            registered.setdefault(record.target, record.inputs.prediction)
    return registered


def _came(
    program: Program, verdict: Verdict | None, kind: str, expected: str, earlier: Mapping[str, Verdict]
) -> bool | None:
    """Whether it came true; None where nothing was concluded or the predicted row may still hold."""
    if verdict is None or verdict.outcome in ("invalid", "blocked"):
        return None
    actual = getattr(verdict, kind)
    if kind == "outcome":
        return None if actual == "inconclusive" else actual == expected
    if actual is not None:
        return bool(actual == expected)
    rules, results = program.phases[verdict.phase], {c.id: c for c in verdict.criteria}
    rows = [(tier.tier, tier) for tier in rules.tiers] if kind == "tier" else list(rules.cases.items())
    open_still = may_hold(expected, rows, lambda name: result_from(name, results, earlier).outcome)
    return None if open_still else False


def rivals_of(program: Program, verdicts: Mapping[str, Verdict]) -> list[Rival]:
    """The program's rival hypotheses as they stand after these verdicts; empty where it has none."""
    hypotheses = program.hypotheses
    if hypotheses is None:
        return []
    decided = verdicts.get(hypotheses.decided_by)
    holding = decided.hypothesis if decided is not None else None
    return [
        Rival(id=name, says=says, status=_status(name, holding)) for name, says in hypotheses.rivals.items()
    ]


def _status(name: str, holding: str | None) -> Literal["open", "holds", "does not hold"]:
    if holding is None:
        return "open"
    return "holds" if name == holding else "does not hold"
