"""Ways through a program that no walk can take: a phase is judged once, and only after what leads to it."""

from __future__ import annotations

from collections.abc import Iterator

from planner.language.criterion import Combined
from planner.language.finding import Finding, error, warning
from planner.language.program import Option, Phase, Program
from planner.language.references import resolve
from planner.language.transitions import targets
from planner.linting.decision_tables import all_met, never_met
from planner.linting.truth_tables import build_truth
from planner.phase_graph.graph import Paths, build_paths


def path_findings(program: Program) -> Iterator[Finding]:
    """Every phase's ways on, triage, and references to phases that are not judged before it."""
    paths = build_paths(program)
    for name, phase in program.phases.items():
        if name in paths.before:
            yield from _next(name, phase, paths)
            yield from _waits(program, name)
            yield from _triage(program, name, phase, paths)
            yield from _conditions(program, name, phase, paths)
            yield from _supersedes(name, phase, paths)


def _next(name: str, phase: Phase, paths: Paths) -> Iterator[Finding]:
    """Answers that lead to a phase that is surely judged by then, where a walk ends."""
    if name in paths.endless:
        return  # told as a circle
    for answer, target in phase.next.items():
        if target in paths.surely_before[name] - {name}:
            what = f"'{target}' is judged by then and is not judged again: the walk ends here"
            yield warning(("phases", name, "next", answer), what)


def _waits(program: Program, name: str) -> Iterator[Finding]:
    """A phase whose every answer waits for a person, who can choose nothing but to stop."""
    if set(targets(program, name).values()) == {"wait"}:
        what = "every answer waits, and there is nothing to choose but stop"
        yield error(("phases", name, "next"), what)


def _triage(program: Program, name: str, phase: Phase, paths: Paths) -> Iterator[Finding]:
    if phase.triage is None:
        return
    path = ("phases", name, "triage")
    if not _is_reached(program, name, phase):
        yield error(path, "no answer leads to this triage: its options are never taken")
    diagnosis = phase.triage.diagnose
    if diagnosis is not None and diagnosis in paths.surely_before[name]:
        yield error((*path, "diagnose"), f"'{diagnosis}' is judged before '{name}' already")
    for i, option in enumerate(phase.triage.options):
        option_path = (*path, "options", i)
        yield from _option(program, name, option, option_path, paths)
        first = next((o for o in phase.triage.options[:i] if _takes_its_turn(o, option)), None)
        if first is not None:
            what = f"opens '{option.opens}' as '{first.option}' before it does: it is never taken"
            yield warning((*option_path, "opens"), what)


def _is_reached(program: Program, name: str, phase: Phase) -> bool:
    """Whether an answer can lead to a phase's triage: its own, or one that leads back to it."""
    options = phase.triage.options if phase.triage else []
    if any(_leads_back_plainly(program, option.opens) for option in options):
        return True
    blocks = "blocked" in phase.guards.values()
    rules = targets(program, name)
    rules_in = [rule for rule, target in rules.items() if target == "triage"]
    return any(blocks or rule.answer != "blocked" for rule in rules_in)


def _leads_back_plainly(program: Program, name: str) -> bool:
    """Whether a phase that a triage opens is also opened without it and leads back to it."""
    plainly = any(name in other.next.values() for other in program.phases.values())
    return plainly and "back" in program.phases[name].next.values()


def _takes_its_turn(first: Option, later: Option) -> bool:
    """Whether a later option has no turn: the phase that both open is judged with the first."""
    free = not (first.needs_person or first.revisit_when or first.discouraged)
    return first.opens == later.opens and free and not later.needs_person and not later.revisit_when


def _option(
    program: Program, name: str, option: Option, path: tuple[str | int, ...], paths: Paths
) -> Iterator[Finding]:
    if option.opens in paths.surely_before[name]:
        opened = "this phase itself" if option.opens == name else f"'{option.opens}', which is judged before"
        yield error((*path, "opens"), f"opens {opened}: it can never be taken")
    for ref in option.expects:
        key = resolve(program, option.opens, ref)
        if key and key[0] != option.opens:
            what = f"'{ref}' is judged in '{key[0]}', not in '{option.opens}', which the option opens"
            yield error((*path, "expects"), what)
    revisit_path = (*path, "revisit_when")
    for ref in option.revisit_when:
        key = resolve(program, name, ref)
        if key and not paths.may_be_judged(key[0], name, without=option.option):
            yield error(
                revisit_path, f"'{ref}' can never be met: '{key[0]}' is judged only after this option"
            )
    if option.revisit_when and never_met(program, name, option.revisit_when):
        yield error(revisit_path, f"can never be due: {', '.join(option.revisit_when)} cannot all be met")
    elif option.revisit_when and _only_after_pass(program, name, option):
        yield warning(revisit_path, "can be due only where the gate passes, and that does not lead to triage")


def _only_after_pass(program: Program, name: str, option: Option) -> bool:
    """Whether what an option waits for makes the gate pass, so that its triage is not asked."""
    phase = program.phases[name]
    if "triage" in [
        t for answer, t in phase.next.items() if answer not in ("fail", "inconclusive", "blocked")
    ]:
        return False
    truth = build_truth(program, name, [*option.revisit_when, *phase.gate])
    if truth is None:
        return False
    due = all_met(program, truth, option.revisit_when)
    return bool(due) and not due & ~all_met(program, truth, phase.gate)


def _conditions(program: Program, name: str, phase: Phase, paths: Paths) -> Iterator[Finding]:
    """Criteria of phases that are never judged before this one."""
    lists: list[tuple[tuple[str | int, ...], list[str], str]] = [
        (("gate",), phase.gate, "so the gate is never decided")
    ]
    lists += [(("guards", ref), [ref], "so the guard never knows") for ref in phase.guards]
    for key, rule in phase.criteria.items():
        if isinstance(rule, Combined):
            lists.append((("criteria", key), rule.parts, "so it lacks evidence for ever"))
    for key, case in phase.cases.items():
        lists.append((("cases", key), case.conditions, "so the row stays open"))
    for i, tier in enumerate(phase.tiers):
        lists.append((("tiers", i), tier.conditions, "so the row stays open"))
    for key, claim in phase.claims.items():
        lists.append((("claims", key, "supported"), claim.supported, "so the claim is never verified"))
    for path, refs, why in lists:
        for ref in refs:
            criterion = resolve(program, name, ref)
            if criterion and criterion[0] != name and criterion[0] not in paths.before[name]:
                say = warning if path[0] == "guards" else error
                yield say(
                    ("phases", name, *path),
                    f"'{criterion[0]}' is never judged before '{name}', {why}: '{ref}'",
                )


def _supersedes(name: str, phase: Phase, paths: Paths) -> Iterator[Finding]:
    old = phase.supersedes
    if old is not None and old.phase not in paths.before[name]:
        what = f"'{old.phase}' is never judged before '{name}': there is nothing to replace"
        yield error(("phases", name, "supersedes", "phase"), what)
