"""What the measured kinds share: reading samples, and joining the answers of several arms into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from planner.criteria.answer import Answer, FlipPoints
from planner.criteria.test_design import TestDesign
from planner.evidence.evidence import Evidence
from planner.evidence.sample import Sample, build_sample, logarithms
from planner.language.criterion import Measured
from planner.language.program import Program
from planner.records.verdict import CriterionOutcome, CriterionResult, Verdict


class Unavailable(NamedTuple):
    """Why a criterion cannot be judged on its evidence, and what it answers therefore."""

    outcome: CriterionOutcome
    cause: str
    reason: str


@dataclass(frozen=True)
class Question:
    """A criterion in its place: everything that a kind needs to judge it.

    Attributes:
        with_flip_points: also say where the outcome would change if what is observed moved alone.
        earlier: the verdicts of phases judged before.
    """

    name: str
    program: Program
    evidence: Evidence
    design: TestDesign
    with_flip_points: bool = False
    earlier: Mapping[str, Verdict] = field(default_factory=dict)

    @property
    def required(self) -> bool:
        """Whether the gate requires this criterion's evidence."""
        return self.name in self.design.required

    def sample(self, arm: str, metric: str, rule: Measured) -> Sample:
        """The values of a metric over an arm's seeds; their logarithms where the metric is judged by them."""
        sample = build_sample(self.program, self.evidence, arm, metric, rule)
        return logarithms(sample, arm, metric) if self.program.metrics[metric].transform else sample

    def run_ids(self, *arms: str) -> dict[int, frozenset[str]]:
        """Seed -> the runs of these arms at it, of seeds that all of them have."""
        runs = [self.evidence.of(arm) for arm in arms]
        shared = set.intersection(*map(set, runs))
        return {seed: frozenset(of_arm[seed].id for of_arm in runs) for seed in sorted(shared)}

    def deterministic(self, *metrics: str) -> str:
        """What the program states of these metrics if it states that all are deterministic; else nothing."""
        names = list(dict.fromkeys(metrics))
        if not all(self.program.metrics[name].deterministic for name in names):
            return ""
        return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} deterministic"

    def absent(self, text: str) -> Unavailable:
        """What follows where evidence is not there: undecided where the gate requires it."""
        return Unavailable("undecided" if self.required else "not_applicable", "missing", text)


def unavailable(question: Question, samples: Sequence[Sample]) -> Unavailable | None:
    """Why the samples cannot be judged; None where they can.

    What the gate requires and does not get as a finite number is ``invalid``, or ``undecided`` where
    an arm has no run at all; anything else that is absent is ``not_applicable``. An optional metric that
    some seeds lack is judged on those that have it.
    """
    for kind in ("not_finite", "no_metric", "no_runs", "partial"):
        for sample in samples:
            trouble = sample.trouble(kind)
            if trouble is None:
                continue
            if kind == "not_finite":
                return Unavailable("invalid", "not_finite", trouble.text)
            if kind == "partial":
                return Unavailable("undecided", "partial", trouble.text)
            if kind == "no_metric" and question.required:
                return Unavailable("invalid", "missing", trouble.text)
            if kind == "no_runs" or not sample.values:
                return question.absent(trouble.text)
    return None


def paired(left: Sample, right: Sample) -> Mapping[int, tuple[float, float]]:
    """The seeds that both samples have, with both values."""
    return {s: (left.values[s], right.values[s]) for s in sorted(left.values) if s in right.values}


def operands(pairs: Mapping[int, tuple[float, float]]) -> tuple[tuple[float, ...], ...]:
    """What the differences of pairs are computed from: the values of either side."""
    return tuple(zip(*pairs.values(), strict=True))


def unpaired(question: Question, left: Sample, right: Sample, names: str) -> Unavailable | None:
    """Why two samples cannot be compared seed by seed; None where they can."""
    trouble = unavailable(question, [left, right])
    if trouble is None and not paired(left, right):
        return question.absent(f"{names} share no seed")
    return trouble


def sources(name: str, *samples: Sample) -> dict[str, object]:
    """The fields of a CriterionResult that say what it was read from, and what was lacking there."""
    caveats = [c for s in samples for c in (*s.caveats, *_lacking(s))]
    return {
        "id": name,
        "run_ids": tuple(dict.fromkeys(run for s in samples for run in s.run_ids)),
        "caveats": tuple(dict.fromkeys(caveats)),
    }


def _lacking(sample: Sample) -> list[str]:
    return [t.text for t in sample.troubles if t.kind == "no_metric"] if sample.values else []


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


def no_answer(
    question: Question, rule: Measured, threshold: object, trouble: Unavailable, common: Mapping[str, object]
) -> CriterionResult:
    """The result where the evidence cannot be judged."""
    return result(question, rule, threshold, **trouble._asdict(), **common)


_BY_SIGNS = {
    "by_signs": True,
    "unit": "seeds better less worse, as a share",
    "bound": "above",
    "threshold": 0.0,
}
"""What is observed and asked where values that were cut off leave nothing but on which side each one lies."""


def flip_point_fields(flip_points: FlipPoints) -> dict[str, object]:
    """The fields of a CriterionResult that say where its outcome changes; the nearest comes first."""
    flips_at, flips_to = flip_points[0] if flip_points else (None, None)
    return {"flips_at": flips_at, "flips_to": flips_to, "turns": flip_points}


def answered(
    question: Question,
    rule: Measured,
    threshold: object,
    answer: Answer,
    common: Mapping[str, object],
    reason: str,
    said: str | None = None,
) -> CriterionResult:
    """The result that one answer gives.

    Args:
        said: what the answer says in one word, of a comparison.
    """
    from_answer = {
        **common,
        "outcome": answer.outcome,
        "observed": answer.observed,
        "n": answer.n,
        "treatment": answer.treatment,
        "interval": answer.interval,
        "margin": answer.margin,
        "cause": answer.cause,
        "needs": answer.projected_n,
        "look": answer.look,
        **flip_point_fields(answer.flip_points),
        "answer": said,
        "reason": reason,
    }
    judged = result(question, rule, threshold, **from_answer)
    if answer.by_signs:
        judged = judged.model_copy(update={**_BY_SIGNS, "reason": answer.by_signs})
    caveats = judged.caveats + answer.caveats
    return judged if caveats == judged.caveats else judged.model_copy(update={"caveats": caveats})
