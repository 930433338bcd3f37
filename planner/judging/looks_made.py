"""The looks that recorded verdicts hold: a judgement goes on from those made by the same rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from planner.criteria.looks import PastLooks
from planner.judging.rules_digest import rules_digest
from planner.language.program import Program
from planner.records.look import Look
from planner.records.verdict import CriterionResult, Verdict


class RulesOfPhase(NamedTuple):
    """What was judged, and by which rules."""

    phase: str
    fidelity: str
    rules_digest: str


LooksMade = Mapping[RulesOfPhase, PastLooks]


def looks_made(verdicts: Iterable[Verdict]) -> LooksMade:
    """The looks of verdicts, which come oldest first."""
    made: dict[RulesOfPhase, dict[tuple[str, str], list[Look]]] = {}
    for verdict in verdicts:
        rules = RulesOfPhase(verdict.phase, verdict.fidelity, verdict.rules_digest)
        for result in verdict.criteria:
            for look in _looks(result):
                made.setdefault(rules, {}).setdefault((result.id, look.comparison), []).append(look)
    return made


def looks_among(made: LooksMade, run_ids: Collection[str]) -> LooksMade:
    """The looks that were on these runs alone."""
    return {
        rules: {
            comparison: [look for look in looks if set(look.run_ids) <= set(run_ids)]
            for comparison, looks in of_phase.items()
        }
        for rules, of_phase in made.items()
    }


def looks_of(program: Program, phase: str, fidelity: str, made: LooksMade) -> PastLooks:
    """Those of a phase at a fidelity that were made by the rules of today."""
    return made.get(RulesOfPhase(phase, fidelity, rules_digest(program, phase)), {}) if made else {}


def _looks(result: CriterionResult) -> Iterator[Look]:
    for part in result.parts or (result,):
        if part.look is not None:
            yield part.look
