"""Records made by hand, for what is rendered from them: memos, explanations, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from planner.evidence.evidence import Evidence
from planner.explaining.trace import Trace
from planner.language.program import Program, build
from planner.lineage.staleness import Validity
from planner.records.decision import Decision, Rejected
from planner.records.person import Override
from planner.records.runs import Run
from planner.records.verdict import (
    ClaimResult,
    CriterionResult,
    Estimate,
    FlipPoint,
    GuardResult,
    TableRow,
    Verdict,
)

PROGRAM: dict[str, Any] = {
    "program": "study",
    "question": "Does it help?",
    "experiment": "study",
    "metrics": {
        "score": {"unit": "points", "better": "higher"},
        "loss": {"unit": "nats", "better": "lower"},
        "eta": {"unit": "step size", "better": "neither"},
    },
    "arms": {"plain": {"kind": "plain"}, "new": {"kind": "new"}},
    "phases": {
        "early": {
            "question": "Does it help at first sight?",
            "arms": ["plain", "new"],
            "factor": "kind",
            "criteria": {"helps": {"metric": "score", "arm": "new", "versus": "plain", "better_by": 0.5}},
            "gate": ["helps"],
            "cases": {
                "A": {"means": "it helps", "when": ["helps"]},
                "B": {"means": "no", "unless": ["helps"]},
            },
            "next": {"A": "late", "B": "late"},
        },
        "late": {
            "question": "Does it help with the confound removed?",
            "arms": ["plain", "new"],
            "factor": "kind",
            "with": {"clamp": None, "evaluate_on": ["same", "held_out"]},
            "supersedes": {
                "phase": "early",
                "case": "B",
                "confounds": {"clamping": "gradients were clamped"},
            },
            "criteria": {
                "helps": {"metric": "score", "arm": "new", "versus": "plain", "better_by": 0.5},
                "loss_falls": {"metric": "loss", "arm": "new", "below": 0.0},
                "both": {"all_of": ["helps", "loss_falls"]},
            },
            "gate": ["both"],
            "tiers": [
                {"tier": "2", "means": "both", "when": ["both"]},
                {"tier": "1.5", "means": "the score alone", "when": ["helps"]},
                {"tier": "0", "means": "neither", "otherwise": True},
            ],
            "claims": {"it_helps": {"says": "It helps.", "supported": ["helps"]}},
            "triage": {
                "options": [
                    {"option": "retry", "rationale": "It may help yet.", "opens": "early", "risk": "time"},
                    {"option": "drop", "rationale": "Enough.", "opens": "early", "cost_hours": [1, 2]},
                ]
            },
        },
    },
    "figures": {"curves": {"shows": ["score", "loss"], "against": "eta", "scale": "log", "title": "Curves"}},
}
OUTCOMES = ("pass", "fail", "inconclusive", "invalid", "blocked")


def make_program(**changes: Any) -> Program:
    """The program above with some of its keys changed."""
    return build({**PROGRAM, **changes})


def row(arm: str, metric: str, values: Sequence[float], unit: str = "points") -> TableRow:
    """A row of the table of results; its interval is the range of its values."""
    estimate = Estimate(
        value=sum(values) / len(values),
        interval=(min(values), max(values)) if len(values) > 1 else None,
        n=len(values),
        values=tuple(enumerate(values)),
        run_ids=tuple(f"{arm}-{metric}-{seed}" for seed in range(len(values))),
    )
    return TableRow(arm=arm, metric=metric, unit=unit, estimate=estimate)


def criterion(name: str = "helps", **changes: Any) -> CriterionResult:
    """A comparison that was met."""
    fields = {
        "id": name,
        "kind": "comparison",
        "metric": "score",
        "unit": "points",
        "outcome": "met",
        "answer": "supported",
        "treatment": "bounds",
        "observed": 1.234,
        "threshold": 0.5,
        "bound": "better_by",
        "margin": 0.734,
        "interval": (1.111, 1.357),
        "n": 3,
        "run_ids": tuple(f"r{i:07d}abc" for i in range(6)),
        "flips_at": 0.321,
        "flips_to": "not_met",
        "reason": "new is better than plain by 1.234",
    }
    return CriterionResult.model_validate({**fields, **changes})


def guard(name: str = "seeds", outcome: str = "met", reason: str = "3 seeds per arm") -> GuardResult:
    """What a guard answers."""
    fields = {"id": name, "outcome": outcome, "consequence": "caveat", "observed": 3, "reason": reason}
    return GuardResult.model_validate(fields)


def verdict(phase: str = "late", outcome: str = "pass", **changes: Any) -> Verdict:
    """A verdict of a phase of the program above."""
    helps, falls = criterion(), criterion("loss_falls", metric="loss", unit="nats", bound="below")
    both = criterion("both", kind="combined", metric=None, observed=None, parts=(helps, falls), bound="")
    fields = {
        "program": "study",
        "phase": phase,
        "fidelity": "standard",
        "outcome": outcome,
        "confidence": "confirmed",
        "guards": (guard(),),
        "criteria": (helps,) if phase == "early" else (helps, falls, both),
        "claims": (ClaimResult(id="it_helps", says="It helps.", status="supported", rests_on=("helps",)),),
        "table": (row("plain", "score", [0.1, 0.2, 0.3]), row("new", "score", [1.4, 1.5, 1.6])),
        "run_ids": ("plain-score-0", "new-score-0"),
        "seeds": 3,
        "seconds": 12.3,
        "rules_digest": "rules",
        "evidence_digest": "evidence",
    }
    filled = {**fields, **changes}
    filled.setdefault(
        "turnings",
        tuple(
            flip_point(c)
            for c in filled["criteria"]
            if c.flips_at is not None and c.observed is not None and c.kind != "combined"
        ),
    )
    return Verdict.model_validate(filled).identified("v")


def flip_point(result: CriterionResult) -> FlipPoint:
    """What would be said beyond the flip point of a criterion: the gate fails."""
    fields = {name: getattr(result, name) for name in ("id", "flips_at", "flips_to", "unit")}
    return FlipPoint(
        **fields,
        arm="new",
        metric=result.metric,
        observed=result.observed,
        outcomes=((result.id, result.flips_to),),
        outcome="fail",
        case=None,
        tier=None,
        confidence="confirmed",
    )


def decision(phase: str = "late", action: str = "stop", **changes: Any) -> Decision:
    """A decision after a phase."""
    fields = {
        "program": "study",
        "phase": phase,
        "fidelity": "standard",
        "action": action,
        "reason": f"{phase} is judged",
        "rule": f"{phase}.next.pass",
        "rejected": (Rejected(choice="retry", reason="not asked for", flips_if="helps: not met"),),
        "program_digest": "program",
    }
    return Decision.model_validate({**fields, **changes}).identified("d")


def override(reason: str = "I know better", **changes: Any) -> Override:
    """A person's choice of the second option."""
    fields = {
        "program": "study",
        "phase": "late",
        "by": "ana",
        "at": "2026-01-02T03:04:05+00:00",
        "reason": reason,
        "choose": "drop",
        "contradicts": "d-0",
        "recommended": "retry",
    }
    return Override.model_validate({**fields, **changes}).identified("o")


def trace(
    verdict: Verdict | None,
    decision: Decision | None = None,
    overrides: Sequence[Override] = (),
    validity: Validity = Validity(),  # noqa: B008 - frozen
    program: Program | None = None,
    phase: str = "late",
    verdicts: Mapping[str, Verdict] | None = None,
) -> Trace:
    """Everything that an explanation of the phase speaks of."""
    claims = verdict.claims if verdict else ()
    chosen = verdict.phase if verdict else phase
    return Trace(
        program or make_program(),
        chosen,
        verdict,
        decision,
        claims,
        overrides,
        validity,
        "2026-01-02T03:04",
        verdicts or {},
    )


def evidence(phase: str = "late", scores: Mapping[str, Sequence[float]] | None = None) -> Evidence:
    """Runs with a curve of score and loss against eta."""
    scores = scores or {"plain": [0.1, 0.2, 0.3], "new": [1.4, 1.5, 1.6]}
    return Evidence(
        phase,
        "standard",
        {arm: {seed: _run(phase, arm, seed, v) for seed, v in enumerate(vs)} for arm, vs in scores.items()},
    )


def _run(phase: str, arm: str, seed: int, value: float) -> Run:
    series = {
        "eta": tuple((step, 0.001 * 2**step) for step in range(5)),
        "score": tuple((step, value + 0.1 * step) for step in range(5)),
        "loss": tuple((step, -value - 0.1 * step) for step in range(5)),
    }
    metrics = {name: points[-1][1] for name, points in series.items()}
    return Run(id=f"{arm}-{seed}", phase=phase, arm=arm, seed=seed, metrics=metrics, series=series)
