"""Arms: compared with what, guarded where, measured at all."""

from __future__ import annotations

from collections.abc import Iterator

from planner.language.criterion import Criterion
from planner.language.criterion_graph import basics_under
from planner.language.finding import Finding, error, warning
from planner.language.program import BUILT_IN_GUARDS, Phase, Program
from planner.language.suggestions import closest


def arm_findings(program: Program) -> Iterator[Finding]:
    """Arms that are declared and measured nowhere."""
    used = {arm for phase in program.phases.values() for arm in phase.arms}
    for arm in program.arms:
        if arm not in used:
            yield warning(("arms", arm), f"no phase measures '{arm}'")


def select_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Filters that every run passes."""
    for arm, chosen in phase.select.items():
        if not chosen.strip():
            what = f"an empty filter takes every run for '{arm}': say which"
            yield error(("phases", name, "select", arm), what)
    same: dict[str, str] = {}
    for arm, chosen in phase.select.items():
        first = same.setdefault(chosen.strip(), arm)
        if chosen.strip() and first != arm:
            what = f"'{first}' has the same filter: they would be judged on the same runs"
            yield error(("phases", name, "select", arm), what)


def guard_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
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
    arms: set[str] = set()
    for phase, key in basics_under(program, name, [ref]):
        arms.update(program.phases[phase].criteria[key].arms_read)
    return arms


def compared_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Compared arms that differ in nothing, or in more than the declared factor."""
    reported: set[str] = set()
    for key, criterion in phase.criteria.items():
        path = ("phases", name, "criteria", key)
        for one, other in criterion.compared_arms:
            if program.params(name, one) == program.params(name, other):
                yield warning(path, f"compares '{one}' and '{other}', which have the same parameters")
            unasked = [p for p in confounds(program, name, criterion, one, other) if p not in reported]
            if unasked:
                reported.update(unasked)
                yield _confound(path, phase, f"'{one}' and '{other}' differ in {', '.join(unasked)} too")


def confounds(program: Program, name: str, criterion: Criterion, one: str, other: str) -> list[str]:
    """The parameters in which two compared arms differ, and that are no factor of the comparison."""
    phase, left, right = program.phases[name], program.params(name, one), program.params(name, other)
    factors = {*(getattr(criterion, "factors", []) or phase.factors), *phase.tuned_params}
    return [p for p in left if p in right and left[p] != right[p] and p not in factors]


def _confound(path: tuple[str, ...], phase: Phase, what: str) -> Finding:
    if phase.on_confound == "invalid":
        return error(path, f"{what}, which is no factor here: the verdict can only be invalid")
    return warning(path, f"{what}, which is no factor here: a confound, the verdict will say so")


def tuned_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Tuned parameters that look mistyped: one that only the runs know is legitimate."""
    settable = {*program.with_, *phase.with_, *(p for arm in program.arms.values() for p in arm)}
    for parameter in phase.tuned_params:
        meant = None if parameter in settable else closest(parameter, sorted(settable))
        if meant:
            what = f"'{parameter}' is set by no arm; did you mean '{meant}'? (fine if the runs log it)"
            yield warning(("phases", name, "tuned"), what)
