"""Whether every name in a program leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from planner.errors import Problem
from planner.language.criterion import Combined
from planner.language.criterion_references import criterion_faults, metric_faults
from planner.language.program import BUILT_IN_GUARDS, ENDS, OUTCOMES, Option, Phase, Program
from planner.language.suggestions import alike, circles, instead, repeated
from planner.language.transitions import openers

Keys = tuple[str | int, ...]


def resolve(program: Program, phase: str, ref: str) -> tuple[str, str] | None:
    """The phase and criterion that a reference means, seen from a phase; None if it leads nowhere.

    A criterion of the phase itself comes first; ``phase.criterion`` means another's. Both kinds of name
    may hold dots, so every dot is tried.
    """
    candidates = readings(program, phase, ref)
    return candidates[0] if candidates else None


def readings(program: Program, phase: str, ref: str) -> list[tuple[str, str]]:
    """All that a reference may mean; more than one is a fault."""
    if ref in program.phases[phase].criteria:
        return [(phase, ref)]
    dots = [i for i, letter in enumerate(ref) if letter == "."]
    halves = [(ref[:i], ref[i + 1 :]) for i in dots]
    return [(p, c) for p, c in halves if p in program.phases and c in program.phases[p].criteria]


def faults(program: Program) -> list[Problem]:
    """Every name in an expanded program that leads nowhere, twice, or to the wrong sort of thing.

    Returns:
        (path of keys, what is wrong), in the order of the file.
    """
    problems = [*_program_faults(program), *metric_faults(program)]
    by_phase: dict[str, set[Problem]] = {}
    for name, phase in program.phases.items():
        own = list(_phase_faults(program, name, phase))
        by_phase[name] = set(own)
        # What a phase has from another by same_as is wrong there, once.
        inherited = by_phase.get(phase.same_as or "", set())
        problems += [(("phases", name, *path), what) for path, what in own if (path, what) not in inherited]
    return problems + list(_circle_faults(program))


def _program_faults(program: Program) -> Iterator[Problem]:
    yield from alike(program.metrics, ("metrics",), "metrics")
    yield from alike(program.arms, ("arms",), "arms")
    yield from alike(program.phases, ("phases",), "phases")
    for arm in program.arms:
        if "{" in arm or "}" in arm:
            yield ("arms", arm), f"the arm '{arm}' has a brace left in its name"
    for phase in program.phases:
        if phase in ENDS:
            what = f"a phase cannot be called '{phase}': 'next' could not tell which is meant"
            yield ("phases", phase), what
    for name, figure in program.figures.items():
        for metric in [*figure.shows, *([figure.against] if figure.against else [])]:
            yield from _missing(metric, program.metrics, ("figures", name), "metric")
    if program.hypotheses:
        decided_by, rivals = program.hypotheses.decided_by, program.hypotheses.rivals
        yield from _missing(decided_by, program.phases, ("hypotheses", "decided_by"), "phase")
        if decided_by in program.phases:
            cases = program.phases[decided_by].cases
            for rival in rivals:
                yield from _missing(rival, cases, ("hypotheses", "rivals", rival), f"case of '{decided_by}'")


def _phase_faults(program: Program, name: str, phase: Phase) -> Iterator[Problem]:
    yield from _parts(program, phase)
    yield from _names(phase)
    for key, criterion in phase.criteria.items():
        path = ("criteria", key)
        if isinstance(criterion, Combined):
            yield from _conditions(program, name, criterion.parts, path)
            yield from repeated(criterion.parts, path, "criterion")
        else:
            yield from criterion_faults(program, phase, criterion, path)
    yield from _rule_faults(program, name, phase)
    yield from _answer_faults(program, name, phase)
    yield from _link_faults(program, name, phase)
    for option_at, option in enumerate(phase.triage.options if phase.triage else []):
        yield from _option_faults(program, name, option, ("triage", "options", option_at))


def _parts(program: Program, phase: Phase) -> Iterator[Problem]:
    """What a phase must have, and its arms and parameters."""
    if not phase.arms and not phase.runs_of:
        yield ("arms",), "a phase needs arms (or same_as, or runs_of): what does it compare?"
    if not phase.criteria:
        yield ("criteria",), "a phase needs criteria: what would answer its question?"
    if not phase.gate:
        yield ("gate",), "a phase needs a gate: the criteria that must all be met"
    for arm in phase.arms:
        yield from _missing(arm, program.arms, ("arms",), "arm")
    yield from repeated(phase.arms, ("arms",), "arm")
    for arm in phase.select:
        yield from _missing(arm, phase.arms, ("select", arm), "arm of this phase")
    settable = {*program.with_, *phase.with_, *(p for params in program.arms.values() for p in params)}
    factors: list[tuple[Keys, str]] = [(("factor",), f) for f in phase.factors]
    for key, criterion in phase.criteria.items():
        if not isinstance(criterion, Combined):
            factors += [(("criteria", key, "factor"), f) for f in criterion.factors]
    # 'tuned' is left out: a tuned parameter may be known only to the runs, which search for it.
    if program.evidence:  # runs of others logged what no arm sets
        return
    for path, factor in factors:
        yield from _missing(factor, settable, path, "parameter of any arm")


def _names(phase: Phase) -> Iterator[Problem]:
    """Names that could be mixed up within a phase."""
    tiers = [tier.tier for tier in phase.tiers]
    yield from alike(phase.criteria, ("criteria",), "criteria")
    yield from alike(phase.cases, ("cases",), "cases")
    yield from alike(dict.fromkeys(tiers), ("tiers",), "tiers")
    yield from repeated(tiers, ("tiers",), "tier")
    for built_in in BUILT_IN_GUARDS:
        if built_in in phase.criteria:
            yield ("criteria", built_in), f"'{built_in}' is a built-in guard: give the criterion another name"
    for key, names in (("cases", list(phase.cases)), ("tiers", tiers)):
        for name in names:
            if name in OUTCOMES or (key == "tiers" and name in phase.cases):
                other = "an outcome" if name in OUTCOMES else "a case"
                yield (key, name), f"'{name}' is {other} too: 'next' could not tell which is meant"
    if phase.triage:
        options = [option.option for option in phase.triage.options]
        yield from repeated(options, ("triage", "options"), "option")
        yield from alike(dict.fromkeys(options), ("triage", "options"), "options")


def _rule_faults(program: Program, name: str, phase: Phase) -> Iterator[Problem]:
    """The lists of criteria in gate, guards, cases, tiers and claims."""
    yield from _conditions(program, name, phase.gate, ("gate",))
    yield from repeated(phase.gate, ("gate",), "criterion")
    for guard in phase.guards:
        if guard not in BUILT_IN_GUARDS:
            yield from _conditions(program, name, [guard], ("guards", guard), BUILT_IN_GUARDS)
    rules: list[tuple[Keys, list[str], list[str]]] = [
        (("cases", key), case.when, case.unless) for key, case in phase.cases.items()
    ]
    rules += [(("tiers", i), tier.when, tier.unless) for i, tier in enumerate(phase.tiers)]
    for path, when, unless in rules:
        yield from _conditions(program, name, when, (*path, "when"))
        yield from _conditions(program, name, unless, (*path, "unless"))
        for both in sorted(set(when) & set(unless)):
            yield path, f"'{both}' is in 'when' and in 'unless': that can never hold"
    for key, claim in phase.claims.items():
        for part in ("supported", "supported_in_direction", "equivalent", "refuted", "caveat_unless"):
            yield from _conditions(program, name, getattr(claim, part), ("claims", key, part))


def _answer_faults(program: Program, name: str, phase: Phase) -> Iterator[Problem]:
    """``next`` and ``prediction``."""
    tiers = [tier.tier for tier in phase.tiers]
    answers = [*phase.cases, *tiers, *OUTCOMES]
    for answer, target in phase.next.items():
        path = ("next", answer)
        yield from _missing(answer, answers, path, "outcome, case or tier of this phase")
        yield from _missing(target, [*program.phases, *ENDS], path, "phase")
        if target == "triage" and phase.triage is None:
            yield path, "leads to triage, and this phase has no triage"
        if target == "back" and not openers(program, name):
            yield path, "leads back, and no triage opens this phase"
    if phase.prediction and phase.prediction.case:
        yield from _missing(phase.prediction.case, phase.cases, ("prediction", "case"), "case of this phase")
    if phase.prediction and phase.prediction.tier:
        yield from _missing(phase.prediction.tier, tiers, ("prediction", "tier"), "tier of this phase")


def _link_faults(program: Program, name: str, phase: Phase) -> Iterator[Problem]:
    """What ties a phase to others."""
    links: list[tuple[Keys, str | None]] = [(("runs_of",), phase.runs_of)]
    links.append((("supersedes", "phase"), phase.supersedes.phase if phase.supersedes else None))
    links.append((("triage", "diagnose"), phase.triage.diagnose if phase.triage else None))
    for path, other in links:
        if other is not None:
            yield from _missing(other, program.phases, path, "phase")
            if other == name:
                yield path, f"'{name}' cannot name itself here"
    old = phase.supersedes
    if old and old.case and old.phase in program.phases:
        cases = program.phases[old.phase].cases
        yield from _missing(old.case, cases, ("supersedes", "case"), f"case of '{old.phase}'")


def _option_faults(program: Program, name: str, option: Option, path: Keys) -> Iterator[Problem]:
    yield from _missing(option.opens, program.phases, (*path, "opens"), "phase")
    yield from _conditions(program, name, option.revisit_when, (*path, "revisit_when"))
    if option.opens in program.phases:
        yield from _conditions(program, option.opens, option.expects, (*path, "expects"))


def _conditions(
    program: Program, phase: str, refs: Iterable[str], path: Keys, also: tuple[str, ...] = ()
) -> Iterator[Problem]:
    for ref in refs:
        candidates = readings(program, phase, ref)
        if not candidates:
            names = [*program.phases[phase].criteria, *also]
            names += [f"{p}.{c}" for p, other in program.phases.items() if "." in ref for c in other.criteria]
            yield path, f"'{ref}' is no criterion of '{phase}'{instead(ref, names)}"
        elif len(candidates) > 1:
            yield path, f"'{ref}' may mean {' or '.join(f'{c} of {p}' for p, c in candidates)}: rename one"


def _missing(name: str, declared: Iterable[str], path: Keys, sort: str) -> Iterator[Problem]:
    names = declared if isinstance(declared, dict | set) else list(declared)
    if name not in names:
        yield (
            path,
            f"'{name}' is no {sort}{instead(name, sorted(names) if isinstance(names, set) else names)}",
        )


def _circle_faults(program: Program) -> Iterator[Problem]:
    """Criteria that rest on themselves; phases that judge each other's runs or replace each other."""
    rests: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, phase in program.phases.items():
        for key, criterion in phase.criteria.items():
            if isinstance(criterion, Combined):
                parts = (resolve(program, name, ref) for ref in criterion.parts)
                rests[name, key] = [part for part in parts if part]
    for keys in circles(rests):
        chain = _chain_text([key for _, key in keys])
        yield ("phases", keys[0][0], "criteria", keys[0][1]), f"rests on itself: {chain}"
    phases = program.phases.items()
    runs = {n: [p.runs_of] for n, p in phases if p.runs_of and p.runs_of != n}
    old = {n: [p.supersedes.phase] for n, p in phases if p.supersedes and p.supersedes.phase != n}
    for key, links in (("runs_of", runs), ("supersedes", old)):
        for circle in circles(links):
            yield ("phases", circle[0], key), f"leads in a circle: {_chain_text(circle)}"


def _chain_text(circle: list[str]) -> str:
    shown = circle if len(circle) <= 8 else [*circle[:4], "...", *circle[-3:]]
    return " -> ".join(shown)
