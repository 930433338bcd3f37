"""Claims, predictions and hypotheses that no answer can settle, or that any answer does."""

from __future__ import annotations

from collections.abc import Iterator

from planner.language.criterion_graph import conditions
from planner.language.finding import Finding, error, warning
from planner.language.program import ClaimRule, Phase, Program, Rule
from planner.language.suggestions import repeated
from planner.linting.decision_tables import all_met, never_met, reached_rows
from planner.linting.truth_tables import Truth, build_truth


def claim_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Claims that can be neither supported nor refuted, that are both, or that are made twice."""
    seen: dict[tuple[tuple[str, ...], ...], str] = {}
    for key, claim in phase.claims.items():
        path = ("phases", name, "claims", key)
        lists = (claim.supported, claim.supported_in_direction, claim.equivalent, claim.refuted)
        first = seen.setdefault(tuple(tuple(sorted(part)) for part in lists), key)
        if first != key:
            yield warning(path, f"rests on the same criteria as '{first}': they can never differ")
        for ref in claim.caveat_unless:
            if ref in claim.supported:
                yield warning((*path, "caveat_unless"), f"'{ref}' is met wherever the claim is supported")
        truth = build_truth(program, name, conditions(claim))
        if truth is not None:
            yield from _statuses(program, path, claim, truth)


def _statuses(program: Program, path: tuple[str, ...], claim: ClaimRule, truth: Truth) -> Iterator[Finding]:
    """What can never be said of a claim, in the order in which it is asked."""
    supported = all_met(program, truth, claim.supported)
    if not supported:
        names = ", ".join(claim.supported)
        yield error((*path, "supported"), f"can never be supported: {names} cannot all be met")
    earlier = supported
    for status in ("equivalent", "refuted", "supported_in_direction"):
        refs = getattr(claim, status)
        held = all_met(program, truth, refs) if refs else 0
        words = status.replace("_", " ")
        if refs and not held:
            yield error((*path, status), f"can never be {words}: {', '.join(refs)} cannot all be met")
        elif refs and not held & ~earlier:
            yield error(
                (*path, status), f"can never be {words}: what comes before it holds wherever it would"
            )
        elif status == "refuted" and held & supported and _on_one_quantity(truth, claim):
            where = truth.witness(held & supported, truth.basics)
            yield warning((*path, status), f"is supported and refuted at once where {where}")
        earlier |= held


def _on_one_quantity(truth: Truth, claim: ClaimRule) -> bool:
    """Whether what supports and what refutes a claim are thresholds on the same quantities.

    Criteria on different quantities may contradict each other in the evidence; one quantity never should.
    """
    support, against = (
        {k for k in truth.basics if k[1] in refs} for refs in (claim.supported, claim.refuted)
    )
    groups = [set(group.keys) for group in truth.groups]
    return any(support <= group and against <= group for group in groups if support and against)


def expected_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """A prediction of what cannot come, or that leaves no doubt; rivals that cannot hold."""
    impossible = _impossible_rows(program, name, phase)
    prediction, path = phase.prediction, ("phases", name, "prediction")
    if prediction is not None:
        expected = prediction.case or prediction.tier
        if expected in impossible:
            yield error(path, f"'{expected}' can never come")
        if prediction.outcome == "pass" and never_met(program, name, phase.gate):
            yield error(path, "'pass' can never come")
        if prediction.outcome == "fail" and _always_met(program, name, phase.gate):
            yield error(path, "'fail' can never come")
        if prediction.probability in (0.0, 1.0):
            what = f"a probability of {prediction.probability:g} leaves no doubt: its score is all or nothing"
            yield warning((*path, "probability"), what)
    rivals = program.hypotheses
    if rivals is not None and rivals.decided_by == name:
        for rival in rivals.rivals:
            if rival in impossible:
                yield error(
                    ("hypotheses", "rivals", rival), f"can never hold: case '{rival}' of '{name}' cannot"
                )


def _impossible_rows(program: Program, name: str, phase: Phase) -> set[str]:
    """Cases and tiers that no values give."""
    cases = list(phase.cases.items())
    tiers: list[tuple[str, Rule]] = [(tier.tier, tier) for tier in phase.tiers]
    impossible: set[str] = set()
    for rows in (cases, tiers):
        truth = build_truth(program, name, [ref for _, rule in rows for ref in rule.conditions])
        if truth is not None:
            sets = reached_rows(program, truth, [rule for _, rule in rows])
            impossible |= {key for (key, _), row in zip(rows, sets, strict=True) if not row}
    return impossible


def _always_met(program: Program, name: str, refs: list[str]) -> bool:
    truth = build_truth(program, name, refs)
    return truth is not None and not truth.possible & ~all_met(program, truth, refs)


def twice_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Lists of conditions that name one criterion twice."""
    lists: list[tuple[tuple[str | int, ...], list[str]]] = []
    for key, case in phase.cases.items():
        lists += [(("cases", key, "when"), case.when), (("cases", key, "unless"), case.unless)]
    for i, tier in enumerate(phase.tiers):
        lists += [(("tiers", i, "when"), tier.when), (("tiers", i, "unless"), tier.unless)]
    for key, claim in phase.claims.items():
        lists += [(("claims", key, part), refs) for part, refs in claim if isinstance(refs, list)]
    for i, option in enumerate(phase.triage.options if phase.triage else []):
        option_path = ("triage", "options", i)
        lists += [
            ((*option_path, "expects"), option.expects),
            ((*option_path, "revisit_when"), option.revisit_when),
        ]
    for path, refs in lists:
        for where, what in repeated(refs, ("phases", name, *path), "criterion"):
            yield warning(where, what)


def row_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Rows of ``next`` that no verdict looks up."""
    blocks = [guard for guard, consequence in phase.guards.items() if consequence == "blocked"]
    if "blocked" in phase.next and not blocks:
        yield warning(
            ("phases", name, "next", "blocked"), "no guard of this phase blocks, so it is never blocked"
        )
