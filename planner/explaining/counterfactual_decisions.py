"""What would be concluded and decided if one criterion were beyond a flip point; nothing is judged again."""

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
        earlier: verdicts of the phases before, in the order of the way.
        overrides: those that stand for the phase.
    """

    program: Program
    earlier: Mapping[str, Verdict]
    route: Route = Route()
    overrides: Sequence[Override] = ()

    def decide(self, verdict: Verdict) -> Decision:
        """What follows from a verdict on this ground."""
        return choose_route(self.program, verdict, self.earlier, self.route, self.overrides, "")


@dataclass(frozen=True)
class Flip:
    """One criterion beyond a flip point, and what follows there.

    Attributes:
        verdict: what the phase would say.
        decision: what would follow.
        changes: whether outcome, case or tier are other than they are.
        decides: whether what is done next is.
    """

    turning: FlipPoint
    verdict: Verdict
    decision: Decision
    changes: bool
    decides: bool


def decision_context_of(
    program: Program,
    verdict: Verdict,
    decision: Decision | None,
    verdicts: Mapping[str, Verdict],
    overrides: Sequence[Override] = (),
) -> DecisionContext:
    """The ground of a decision as it is on record.

    Args:
        verdicts: phase -> its verdict; those before the decision are told by its inputs.
    """
    inputs = decision.inputs if decision is not None else None
    others = {phase: found for phase, found in verdicts.items() if phase != verdict.phase}
    if inputs is not None:
        by_id = {found.id: found for found in others.values()}
        others = {by_id[i].phase: by_id[i] for i in inputs.verdicts if i in by_id}
    mine = [o for o in overrides if o.phase == verdict.phase]
    return DecisionContext(program, others, route_of(inputs or Inputs()), mine)


def route_of(inputs: Inputs) -> Route:
    """The route as a decision's inputs keep it."""
    return Route(dict(inputs.owner), dict(inputs.tried), frozenset(inputs.diagnosed))


def flips_of(ground: DecisionContext, verdict: Verdict) -> list[Flip]:
    """Every turning of a verdict with the decision that would follow, in the order of the program."""
    if verdict.phase not in ground.program.phases:
        return []
    now = _next(ground.decide(verdict))
    found = []
    for turning in verdict.turnings:
        there = verdict_at(ground.program, verdict, turning)
        decision = ground.decide(there)
        changes = _says(there) != _says(verdict)
        found.append(Flip(turning, there, decision, changes, _next(decision) != now))
    return found


def nearest(flips: Sequence[Flip]) -> list[Flip]:
    """The first flip of each criterion: the one nearest to what it observes."""
    return list({flip.turning.id: flip for flip in reversed(flips)}.values())[::-1]


def verdict_at(program: Program, verdict: Verdict, turning: FlipPoint) -> Verdict:
    """A verdict as it would be just beyond a flip point."""
    outcomes = dict(turning.outcomes)
    told = [c.model_copy(update={"outcome": outcomes.get(c.id, c.outcome)}) for c in verdict.criteria]
    row = program.phases[verdict.phase].row(turning.case or turning.tier)
    return verdict.model_copy(
        update={
            "criteria": tuple(told),
            "outcome": turning.outcome,
            "case": turning.case,
            "tier": turning.tier,
            "confidence": turning.confidence,
            "means": row.means if row is not None else "",
        }
    )


def _says(verdict: Verdict) -> tuple[str | None, ...]:
    return verdict.outcome, verdict.case, verdict.tier


def _next(decision: Decision) -> tuple[str | None, ...]:
    return decision.action, decision.choice, decision.target
