"""What a program must spend at least, and seeds too few for the verdicts that are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from planner.criteria.judge import required_by_gate
from planner.criteria.test_design import LEAST_SEEDS
from planner.evidence.values import as_text
from planner.judging.error_budget import build_alpha_shares
from planner.language.criterion import Combined
from planner.language.finding import Finding, error, warning
from planner.language.program import Phase, Program
from planner.language.readings import columns_read
from planner.language.references import resolve
from planner.language.transitions import targets
from planner.linting.arms import confounds
from planner.phase_graph.graph import build_paths

_HOUR = 3600.0
_FAR_TOO_LITTLE = 0.01


def spending_findings(program: Program) -> Iterator[Finding]:
    """Budgets that end before the first verdict, before any end, or before a phase can be judged."""
    yield from _runs(program)
    yield from _seconds(program)
    beyond = [share.phase for share in build_alpha_shares(program).values() if share.beyond]
    if beyond:
        what = f"plans for {program.budget.gates} gates, and {', '.join(beyond)} come on top: raise it"
        yield warning(("budget", "gates"), f"{what}, or their verdicts stay provisional")


def _runs(program: Program) -> Iterator[Finding]:
    most = program.budget.runs
    if most is None:
        return
    path, first = ("budget", "runs"), program.phases[program.first]
    needed = least_runs(program, [program.first])
    if most < needed:
        what = f"{most} runs cannot pay for '{program.first}': its {len(first.arms)} arms need {needed}"
        yield error(path, what)
        return
    paths = build_paths(program)
    always = [name for name in program.phases if name in paths.always]
    needed = least_runs(program, always)
    if most < needed:
        what = f"{most} runs cannot pay for any way to an end: {', '.join(always)} need {needed}"
        yield error(path, what)
        return
    reported: set[str] = set()
    for name in program.phases:
        sure = [p for p in program.phases if p in paths.surely_before.get(name, ())]
        needed = least_runs(program, sure)
        if most < needed and reported.isdisjoint(sure):
            reported.add(name)
            before = ", ".join(p for p in sure if p != name)
            what = f"{most} runs never pay for '{name}': with {before} before it, that needs {needed}"
            yield warning(path, what)


def least_runs(program: Program, phases: Iterable[str]) -> int:
    """The runs that some phases need at least: those of one configuration are shared, ``select`` is free."""
    seeds: dict[str, int] = {}
    for name in phases:
        phase = program.phases[name]
        planned = min(
            phase.least_seeds,
            program.budget.seeds_per_arm,
            2 if phase.fidelity == "smoke" else phase.least_seeds,
        )
        for arm in phase.arms:
            if arm not in phase.select:
                key = f"{phase.fidelity} {as_text(program.params(name, arm))}"
                seeds[key] = max(seeds.get(key, 0), planned)
    return sum(seeds.values())


def _seconds(program: Program) -> Iterator[Finding]:
    """Less than a hundredth of what an option costs: seconds written where hours were meant."""
    seconds = program.budget.seconds
    if seconds is None:
        return
    for name, phase in program.phases.items():
        costs = [o.least_hours for o in phase.triage.options if o.least_hours] if phase.triage else []
        if costs and seconds < _FAR_TOO_LITTLE * min(costs) * _HOUR:
            what = f"{seconds:g} seconds for the whole program, and the cheapest option of '{name}' costs"
            yield warning(("budget", "seconds"), f"{what} {min(costs):g} hours")


def seed_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Verdicts that can only be provisional, and phases that wait for them to be confirmed."""
    path = ("phases", name)
    most = program.budget.seeds_per_arm
    if most < phase.least_seeds:
        what = f"budget.seeds_per_arm is {most}: with fewer seeds than asked, verdicts stay provisional"
        yield warning((*path, "seeds"), what)
    if phase.asks_for != "confirmed":
        return
    before = [n for n in program.phases if n != name and name in targets(program, n).values()]
    reasons = {n: why for n in before if (why := only_provisional(program, n))}
    if before and len(reasons) == len(before):
        what = f"asks for a confirmed verdict, and {', '.join(before)} can only give provisional ones"
        yield error((*path, "asks_for"), f"{what}: {next(iter(reasons.values()))}")
    elif not before and name == program.first:
        what = "asks for a confirmed verdict, and no verdict opens the first phase"
        yield warning((*path, "asks_for"), what)


def only_provisional(program: Program, name: str) -> str:
    """Why a phase's verdict can never be confirmed; empty where it can."""
    phase, most = program.phases[name], program.budget.seeds_per_arm
    point = next((ref for ref in phase.gate if _is_point(program, name, ref)), None)
    if point:
        return f"'{point}' is judged at point value"
    if phase.fidelity == "smoke":
        return "a smoke run has two seeds at most"
    if most < phase.least_seeds:
        return f"budget.seeds_per_arm is {most}, short of its {phase.least_seeds} seeds"
    most = max(most, phase.least_seeds)
    if most < LEAST_SEEDS and not _all_deterministic(program, name):
        return f"with {most} seeds at most there is no interval: that takes {LEAST_SEEDS}"
    for rule in phase.criteria.values():
        for one, other in rule.compared_arms:
            if differing := confounds(program, name, rule, one, other):
                return f"'{one}' and '{other}' differ in {', '.join(differing)} too, which is a caveat"
    return ""


def _all_deterministic(program: Program, name: str) -> bool:
    """Whether the program states that everything is deterministic on which a phase's gate rests."""
    rules = [program.phases[name].criteria.get(ref) for ref in required_by_gate(program, name)]
    columns = [metric for rule in rules if rule is not None for metric, _ in columns_read(program, rule)]
    return None not in rules and all(program.metrics[metric].deterministic for metric in columns)


def _is_point(program: Program, name: str, ref: str) -> bool:
    """Whether a criterion that is met was judged at point value in part, whatever else was."""
    key = resolve(program, name, ref)
    if key is None:
        return False
    rule = program.phases[key[0]].criteria[key[1]]
    if isinstance(rule, Combined):
        parts = [_is_point(program, key[0], part) for part in rule.parts]
        return any(parts) if rule.all_of else all(parts)
    return rule.treatment == "point"
