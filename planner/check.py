"""The static check of a program: what can be known to be wrong before anything is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from planner.checks.bounds import bound_findings, metric_findings
from planner.checks.grading import grading_findings
from planner.criterion import Combined, Comparison, Criterion, Order, Spread
from planner.findings import Finding, error, warning
from planner.naming import closest
from planner.phases import graph_faults
from planner.program import BUILT_IN_GUARDS, Phase, Program
from planner.references import faults, resolve
from planner.routes import targets
from planner.tables import case_findings, combined_findings, gate_findings, tier_findings
from planner.truth import basics_under

__all__ = ["Finding", "check"]


def check(program: Program) -> list[Finding]:
    """Every finding about an expanded program, in the order of the file.

    Tables, graph and arms are looked at only where all names lead somewhere.
    """
    broken = faults(program)
    if broken:
        return [error(*problem) for problem in broken]
    found = [*metric_findings(program), *(error(*problem) for problem in graph_faults(program))]
    for name, phase in program.phases.items():
        for part in _PARTS:
            found += part(program, name, phase)
    return [*found, *_budget(program)]


def _guards(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Guards on arms that the phase does not run, so that their evidence is always absent."""
    lender = program.phases[phase.runs_of].arms if phase.runs_of else []
    for guard in phase.guards:
        if guard in BUILT_IN_GUARDS:
            continue
        strange = sorted(_arms_under(program, name, guard) - {*phase.arms, *lender})
        if strange:
            what = f"guards on arms that are not in this phase: {', '.join(strange)}"
            yield warning(("phases", name, "guards", guard), what)


def _arms_under(program: Program, name: str, ref: str) -> set[str]:
    found: set[str] = set()
    for phase, key in basics_under(program, name, [ref]):
        criterion = program.phases[phase].criteria[key]
        if not isinstance(criterion, Combined):
            found.update(criterion.subjects)
            if isinstance(criterion, Comparison) and criterion.versus:
                found.add(criterion.versus)
    return found


def _compared(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Compared arms that differ in nothing, or in more than the declared factor."""
    told: set[str] = set()
    for key, criterion in phase.criteria.items():
        path = ("phases", name, "criteria", key)
        for one, other in _pairs(criterion):
            left, right = program.params(name, one), program.params(name, other)
            differing = [p for p in left if p in right and left[p] != right[p]]
            lone = left.keys() ^ right.keys()
            factors = {*(getattr(criterion, "factors", []) or phase.factors), *phase.tuned_params}
            if not differing and not lone:
                yield warning(path, f"compares '{one}' and '{other}', which have the same parameters")
            unasked = [p for p in differing if p not in factors and p not in told]
            if unasked:
                told.update(unasked)
                yield _confound(path, phase, f"'{one}' and '{other}' differ in {', '.join(unasked)} too")


def _confound(path: tuple[str, ...], phase: Phase, what: str) -> Finding:
    if phase.on_confound == "invalid":
        return error(path, f"{what}, which is no factor here: the verdict can only be invalid")
    return warning(path, f"{what}, which is no factor here: a confound, the verdict will say so")


def _pairs(criterion: Criterion) -> Iterator[tuple[str, str]]:
    if isinstance(criterion, Comparison) and criterion.versus is not None:
        yield from ((arm, criterion.versus) for arm in criterion.subjects if arm != criterion.versus)
    elif isinstance(criterion, Order | Spread):
        yield from combinations(criterion.subjects, 2)


def _tuned(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Tuned parameters that look mistyped: one that only the runs know is legitimate."""
    settable = {*program.with_, *phase.with_, *(p for arm in program.arms.values() for p in arm)}
    for parameter in phase.tuned_params:
        meant = None if parameter in settable else closest(parameter, sorted(settable))
        if meant:
            what = f"'{parameter}' is set by no arm; did you mean '{meant}'? (fine if the runs log it)"
            yield warning(("phases", name, "tuned"), what)


def _evidence(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Verdicts that can only be provisional, and phases that wait for them to be confirmed."""
    path = ("phases", name)
    most = program.budget.seeds_per_arm
    if most < phase.seeds:
        what = f"budget.seeds_per_arm is {most}: with fewer seeds than asked, verdicts stay provisional"
        yield warning((*path, "seeds"), what)
    if phase.asks_for == "confirmed":
        before = [n for n in program.phases if n != name and name in targets(program, n).values()]
        if before and all(_only_provisional(program, n) for n in before):
            what = f"asks for a confirmed verdict, and {', '.join(before)} can only give provisional ones"
            yield error((*path, "asks_for"), what)


def _only_provisional(program: Program, name: str) -> bool:
    phase = program.phases[name]
    keys = [key for ref in phase.gate if (key := resolve(program, name, ref))]
    criteria = [program.phases[p].criteria[c] for p, c in keys]
    point = any(getattr(criterion, "treatment", None) == "point" for criterion in criteria)
    return point or program.budget.seeds_per_arm < phase.seeds


def _budget(program: Program) -> Iterator[Finding]:
    """A budget that is spent before the first verdict."""
    runs, first = program.budget.runs, program.phases[program.first]
    needed = len(first.arms) * min(first.seeds, program.budget.seeds_per_arm)
    if runs is not None and runs < needed:
        what = f"{runs} runs cannot pay for '{program.first}': its {len(first.arms)} arms need {needed}"
        yield error(("budget", "runs"), what)


_PARTS: tuple[Callable[[Program, str, Phase], Iterator[Finding]], ...] = (
    bound_findings,
    gate_findings,
    combined_findings,
    case_findings,
    tier_findings,
    grading_findings,
    _guards,
    _compared,
    _tuned,
    _evidence,
)
