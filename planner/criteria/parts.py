"""What the measured kinds share: reading samples, and joining the answers of several arms into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.criteria.answer import Answer, Judging
from planner.evidence import Evidence, Sample, build_sample
from planner.program import Measured, Program
from planner.records import CriterionOutcome, CriterionResult


@dataclass(frozen=True)
class Question:
    """A criterion in its place: everything that a kind needs to judge it."""

    name: str
    program: Program
    evidence: Evidence
    judging: Judging

    @property
    def required(self) -> bool:
        """Whether the gate requires this criterion's evidence."""
        return self.name in self.judging.required

    def sample(self, arm: str, metric: str, rule: Measured) -> Sample:
        """The values of a metric over an arm's seeds."""
        return build_sample(self.program, self.evidence, arm, metric, rule)


def unavailable(question: Question, samples: Sequence[Sample]) -> tuple[CriterionOutcome, str, str] | None:
    """(outcome, cause, reason) where the samples cannot be judged; None where they can.

    What the gate requires and does not get as a finite number is ``invalid``, or ``undecided`` where
    an arm has no run at all; anything else that is absent is ``not_applicable``.
    """
    for kind in ("not_finite", "no_metric", "no_runs", "partial"):
        for sample in samples:
            trouble = sample.trouble(kind)
            if trouble is None:
                continue
            if kind == "not_finite":
                return "invalid", "not_finite", trouble.text
            if kind == "partial":
                return "undecided", "partial", trouble.text
            if not question.required:
                if kind == "no_metric" and sample.values:
                    continue
                return "not_applicable", "missing", trouble.text
            return ("invalid" if kind == "no_metric" else "undecided"), "missing", trouble.text
    if any(not sample.values for sample in samples):
        return ("undecided" if question.required else "not_applicable"), "missing", "no values"
    return None


def paired(left: Sample, right: Sample) -> Mapping[int, tuple[float, float]]:
    """The seeds that both samples have, with both values."""
    return {s: (left.values[s], right.values[s]) for s in sorted(left.values) if s in right.values}


def result(question: Question, rule: Measured, threshold: object, **fields: object) -> CriterionResult:
    """A CriterionResult with what every measured criterion fills in alike."""
    metric = question.program.metrics.get(rule.metric)
    unit = "ratio" if rule.as_ == "ratio" else metric.unit if metric else ""
    base: dict[str, object] = {
        "id": question.name,
        "kind": getattr(rule, "kind", "level"),
        "metric": rule.metric,
        "unit": unit,
        "says": rule.says,
        "threshold": threshold,
        "bound": "order" if rule.threshold_key is None else rule.threshold_key,
    }
    return CriterionResult.model_validate({**base, **fields})


def from_answer(answer: Answer) -> dict[str, object]:
    """The fields of a CriterionResult that come from one answer."""
    return {
        "outcome": answer.outcome,
        "observed": answer.observed,
        "n": answer.n,
        "treatment": answer.treatment,
        "interval": answer.interval,
        "margin": answer.margin,
        "flips_at": answer.flips_at,
        "cause": answer.cause,
    }


def join_all(outcomes: Sequence[CriterionOutcome]) -> CriterionOutcome:
    """And: met only where all are; what is invalid or not applicable is never hidden by another."""
    for outcome in ("invalid", "not_applicable", "not_met", "undecided"):
        if outcome in outcomes:
            return outcome
    return "met"


def join_any(outcomes: Sequence[CriterionOutcome]) -> CriterionOutcome:
    """Or: met where one is, and nothing that was asked for is invalid."""
    for outcome in ("invalid", "met", "undecided", "not_met"):
        if outcome in outcomes:
            return outcome
    return "not_applicable"


def joined(
    question: Question, rule: Measured, threshold: object, parts: Sequence[CriterionResult], every: bool
) -> CriterionResult:
    """One result for several arms or pairs: the part that decides speaks for all."""
    if len(parts) == 1:
        return parts[0].model_copy(update={"id": question.name})
    outcome = join_all([p.outcome for p in parts]) if every else join_any([p.outcome for p in parts])
    chosen = decisive(parts, outcome, every)
    word = "weakest" if every else "best"
    return result(
        question,
        rule,
        threshold,
        **{
            **{k: getattr(chosen, k) for k in _SPOKEN},
            "outcome": outcome,
            "answer": chosen.answer,
            "reason": f"{word} of {len(parts)}: {chosen.reason}",
            "run_ids": tuple(dict.fromkeys(r for p in parts for r in p.run_ids)),
            "caveats": tuple(dict.fromkeys(c for p in parts for c in p.caveats)),
            "parts": tuple(parts),
        },
    )


_SPOKEN = ("observed", "n", "treatment", "interval", "margin", "flips_at", "cause")


def decisive(parts: Sequence[CriterionResult], outcome: str, every: bool) -> CriterionResult:
    """The part whose change would change the whole: of those with the joint outcome, the extreme one."""
    same = [p for p in parts if p.outcome == outcome] or list(parts)
    order = sorted(same, key=lambda p: (p.margin is None, p.margin if p.margin is not None else 0.0, p.id))
    return order[0] if every else order[-1]
