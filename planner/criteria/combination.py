"""And / or over several results: arms, pairs of arms, or criteria.

The logic is three-valued: what one part settles is settled, whatever is not known of the others. What
is not finite is never settled by another part, and neither is evidence that the gate requires and that
is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.criteria.answer import FlipPoints
from planner.criteria.results import Question, flip_point_fields, result
from planner.language.criterion import Combined, Measured
from planner.records.verdict import CriterionOutcome, CriterionResult
from planner.text.numbers import words

_TAKEN_OVER = ("metric", "unit", "observed", "threshold", "bound", "margin", "interval")


def join_all(outcomes: Sequence[CriterionOutcome]) -> CriterionOutcome:
    """And: not met where one is not, met only where all are."""
    for outcome in ("invalid", "not_met", "not_applicable", "undecided"):
        if outcome in outcomes:
            return outcome
    return "met"


def join_any(outcomes: Sequence[CriterionOutcome]) -> CriterionOutcome:
    """Or: met where one is, not met only where none is."""
    for outcome in ("invalid", "met", "undecided", "not_applicable"):
        if outcome in outcomes:
            return outcome
    return "not_met"


def lacks_evidence(part: CriterionResult) -> bool:
    """Whether evidence is missing for a result, or for one that it is made of."""
    return part.cause == "missing" or any(map(lacks_evidence, part.parts))


def join(parts: Sequence[CriterionResult], every: bool) -> tuple[CriterionOutcome, str | None]:
    """(outcome, cause) of several results; what is required and missing leaves them undecided, not met."""
    outcomes = [part.outcome for part in parts]
    outcome = join_all(outcomes) if every else join_any(outcomes)
    awaited = any(p.outcome == "undecided" and lacks_evidence(p) for p in parts)
    if awaited and outcome in ("met", "undecided"):
        return "undecided", "missing"
    if outcome in ("met", "not_met"):
        return outcome, None
    return outcome, next((p.cause for p in parts if p.outcome == outcome and p.cause), None)


def joined(
    question: Question, rule: Measured, parts: Sequence[CriterionResult], every: bool
) -> CriterionResult:
    """One result for several arms or pairs: the part that decides speaks for all."""
    if len(parts) == 1:
        return parts[0].model_copy(update={"id": question.name})
    outcome, cause = join(parts, every)
    chosen = decisive(parts, outcome, every)
    word = "weakest" if every else "best"
    absent = [p.reason for p in parts if p.outcome == "not_applicable" != outcome]
    fields: dict[str, object] = {
        **{k: getattr(chosen, k) for k in _TAKEN_BY_ARMS},
        **flip_point_fields(joint_flip_points(parts, chosen, outcome, every)),
        "outcome": outcome,
        "cause": cause,
        "treatment": weakest_treatment(parts, outcome),
        "reason": f"{word} of {len(parts)}: {chosen.reason}",
        "run_ids": tuple(dict.fromkeys(r for p in parts for r in p.run_ids)),
        "caveats": tuple(dict.fromkeys([*(c for p in parts for c in p.caveats), *absent])),
        "parts": tuple(parts),
    }
    return result(question, rule, chosen.threshold, **fields)


_TAKEN_BY_ARMS = (
    *("observed", "by_signs", "unit", "bound", "n", "interval", "margin"),
    *("answer", "chosen", "chosen_on", "fresh", "needs"),
)


def decisive(parts: Sequence[CriterionResult], outcome: str, every: bool) -> CriterionResult:
    """The part whose change would change the whole: of those with the joint outcome, the extreme one."""
    same = [p for p in parts if p.outcome == outcome] or list(parts)
    order = sorted(same, key=lambda p: (p.margin is None, p.margin if p.margin is not None else 0.0, p.id))
    confirmed = next((p for p in same if p.chosen is not None), None)
    return order[0] if every else confirmed or order[-1]


def joint_flip_points(
    parts: Sequence[CriterionResult], chosen: CriterionResult, outcome: str, every: bool
) -> FlipPoints:
    """Where the part that speaks for all changes the joint outcome; nothing where the others outweigh it."""
    values: dict[CriterionOutcome, float] = {}
    for value, changed_to in chosen.turns:
        flipped = chosen.model_copy(update={"outcome": changed_to})
        beyond, _ = join([flipped if part is chosen else part for part in parts], every)
        if beyond != outcome:
            values.setdefault(beyond, value)
    return tuple((value, changed_to) for changed_to, value in values.items())


def weakest_treatment(parts: Sequence[CriterionResult], outcome: str) -> str | None:
    """The least that any part was put to which the joint outcome rests on."""
    used = {p.treatment for p in parts if p.outcome == outcome} or {p.treatment for p in parts}
    return next(
        (t for t in ("point", "interval", "sequential", "anytime", "bounds", "deterministic") if t in used),
        None,
    )


def judge_combined(name: str, rule: Combined, parts: Mapping[str, CriterionResult]) -> CriterionResult:
    """Joins the results of its parts, which have been judged already.

    A combination that the gate requires has required parts; one that is absent keeps it from being met.
    """
    judged, every = [parts[part] for part in rule.parts], bool(rule.all_of)
    outcome, cause = join(judged, every)
    chosen = decisive(judged, outcome, every)
    outcomes = ", ".join(f"{p.id} {words(p.outcome)}" for p in judged)
    return CriterionResult.model_validate(
        {
            "id": name,
            "kind": "combined",
            "says": rule.says,
            **{k: getattr(chosen, k) for k in _TAKEN_OVER},
            **flip_point_fields(joint_flip_points(judged, chosen, outcome, every)),
            "outcome": outcome,
            "cause": cause,
            "treatment": weakest_treatment(judged, outcome),
            "n": min((p.n for p in judged), default=0),
            "run_ids": tuple(dict.fromkeys(r for p in judged for r in p.run_ids)),
            "reason": f"{'all' if every else 'any'} of: {outcomes}",
            "parts": tuple(judged),
            "caveats": tuple(dict.fromkeys(c for p in judged for c in p.caveats)),
        }
    )
