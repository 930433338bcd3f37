"""What would be concluded and decided beyond each flip point; nothing is judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.deciding.overrides import choose_route
from planner.deciding.triage import Route
from planner.language.program import Program
from planner.records.decision import Decision, Inputs
from planner.records.person import Override
from planner.records.verdict import FlipPoint, Verdict


@dataclass(frozen=True)
class DecisionContext:
    """What a decision after a phase rests on besides its verdict.

    Attributes:
        earlier: verdicts of the phases before, in the order in which they were judged.
        overrides: those that stand for the phase.
    """

    program: Program
    earlier: Mapping[str, Verdict]
    route: Route = Route()
    overrides: Sequence[Override] = ()

    def decide(self, verdict: Verdict) -> Decision:
        """The decision that follows a verdict."""
        return choose_route(self.program, verdict, self.earlier, self.route, self.overrides, "")


@dataclass(frozen=True)
class Flip:
    """One criterion beyond a flip point, and what would follow.

    Attributes:
        verdict: what the phase would say.
        decision: what would follow.
        changes_verdict: whether outcome, case or tier are other than they are.
        changes_decision: whether what is done next is.
    """

    flip_point: FlipPoint
    verdict: Verdict
    decision: Decision
    changes_verdict: bool
    changes_decision: bool


def decision_context_of(
    program: Program,
    verdict: Verdict,
    decision: Decision | None,
    verdicts: Mapping[str, Verdict],
    overrides: Sequence[Override] = (),
) -> DecisionContext:
    """What a decision rested on, as it is on record.

    Args:
        verdicts: phase -> its verdict; the inputs of the decision name those before it.
    """
    inputs = decision.inputs if decision is not None else None
    others = {phase: other for phase, other in verdicts.items() if phase != verdict.phase}
    if inputs is not None:
        by_id = {other.id: other for other in others.values()}
        others = {by_id[i].phase: by_id[i] for i in inputs.verdicts if i in by_id}
    mine = [o for o in overrides if o.phase == verdict.phase]
    return DecisionContext(program, others, route_of(inputs or Inputs()), mine)


def route_of(inputs: Inputs) -> Route:
    """The route as a decision's inputs keep it."""
    return Route(dict(inputs.owner), dict(inputs.tried), frozenset(inputs.diagnosed))


def flips_of(context: DecisionContext, verdict: Verdict) -> list[Flip]:
    """Every flip point of a verdict with the decision beyond it, in the order of the program."""
    if verdict.phase not in context.program.phases:
        return []
    current = _next(context.decide(verdict))
    flips = []
    for flip_point in verdict.turnings:
        flipped = verdict_at(context.program, verdict, flip_point)
        decision = context.decide(flipped)
        changes_verdict = _says(flipped) != _says(verdict)
        flips.append(Flip(flip_point, flipped, decision, changes_verdict, _next(decision) != current))
    return flips


def nearest(flips: Sequence[Flip]) -> list[Flip]:
    """The first flip of each criterion: the one nearest to what it observes."""
    return list({flip.flip_point.id: flip for flip in reversed(flips)}.values())[::-1]


def verdict_at(program: Program, verdict: Verdict, flip_point: FlipPoint) -> Verdict:
    """A verdict as it would be just beyond a flip point."""
    outcomes = dict(flip_point.outcomes)
    criteria = [c.model_copy(update={"outcome": outcomes.get(c.id, c.outcome)}) for c in verdict.criteria]
    row = program.phases[verdict.phase].row(flip_point.case or flip_point.tier)
    return verdict.model_copy(
        update={
            "criteria": tuple(criteria),
            "outcome": flip_point.outcome,
            "case": flip_point.case,
            "tier": flip_point.tier,
            "confidence": flip_point.confidence,
            "means": row.means if row is not None else "",
        }
    )


def _says(verdict: Verdict) -> tuple[str | None, ...]:
    return verdict.outcome, verdict.case, verdict.tier


def _next(decision: Decision) -> tuple[str | None, ...]:
    return decision.action, decision.choice, decision.target
