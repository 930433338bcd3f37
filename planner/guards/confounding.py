"""What compared arms differ in besides the declared factor, and what nobody logged of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from planner.evidence.evidence import Evidence
from planner.evidence.values import NOT_PARAMETERS
from planner.language.program import Phase
from planner.language.types import Consequence
from planner.records.runs import Run
from planner.records.verdict import GuardResult

DATASET = "dataset digest"
CONFOUND = "confound"
_OF_RUN = " of the run"
_VERSION = " version"

Notes = dict[str, dict[str, list[str]]]
"""Parameter -> what is said of it -> the criteria of which it is true."""


def judge_confounds(rules: Phase, evidence: Evidence) -> list[GuardResult]:
    """One result that all is well, or one for every parameter in which compared arms differ unasked.

    What was not logged is neither equal nor different: it has a result of its own, once for the phase.
    """
    differing, lone = _differing(rules, evidence)
    results = [_fault(CONFOUND, p, notes, rules.on_confound) for p, notes in sorted(differing.items())]
    results += [
        _fault("one_sided", p, notes, "caveat") for p, notes in sorted(lone.items()) if p not in differing
    ]
    unlogged = list(_unlogged(rules, evidence))
    if results:
        return [*results, *unlogged]
    reason = "compared arms differ in nothing but the declared factor"
    if unlogged:
        reason = "of what is logged, compared arms differ in the declared factor alone"
    if not _compares(rules, evidence):
        reason = "no arms are compared"
    return [
        GuardResult(id="confounds", outcome="met", consequence=rules.on_confound, reason=reason),
        *unlogged,
    ]


# --- what differs ------------------------------------------------------------------------------


def _differing(rules: Phase, evidence: Evidence) -> tuple[Notes, Notes]:
    """(parameters in which compared arms differ, parameters that only one of them has)."""
    differing: Notes = {}
    lone: Notes = {}
    of_pair: dict[tuple[str, str], list[tuple[str, str | None, str | None]]] = {}
    for name, rule in rules.criteria.items():
        factors = set(getattr(rule, "factors", []) or rules.factors) | set(rules.tuned_params)
        for one, other in rule.compared_arms:
            if (one, other) not in of_pair:
                of_pair[one, other] = list(_differences(evidence, one, other))
            for parameter, left, right in of_pair[one, other]:
                if parameter.removesuffix(_OF_RUN) in factors:
                    continue
                if left is None or right is None:
                    holder, lacking = (one, other) if right is None else (other, one)
                    _note(lone, parameter, f"{parameter} is set in {holder} and not in {lacking}", name)
                else:
                    text = f"{parameter} is {left} in {one} and {right} in {other}"
                    _note(differing, parameter, text, name)
    return differing, lone


def _note(notes: Notes, parameter: str, text: str, criterion: str) -> None:
    """Notes what is said of a parameter, once for each criterion: one pair of arms shows it."""
    texts = notes.setdefault(parameter, {})
    if not any(criterion in names for names in texts.values()):
        texts.setdefault(text, []).append(criterion)


def _fault(kind: str, parameter: str, notes: dict[str, list[str]], consequence: Consequence) -> GuardResult:
    return GuardResult(
        id=f"{kind}:{parameter}",
        outcome="not_met",
        consequence=consequence,
        observed=parameter,
        reason="; ".join(f"{text} ({', '.join(names)})" for text, names in notes.items()),
        criteria=tuple(name for names in notes.values() for name in names),
    )


class _Difference(NamedTuple):
    """What two runs of one seed hold of a parameter or digest; None where one does not say."""

    parameter: str
    left: str | None
    right: str | None


def _differences(evidence: Evidence, one: str, other: str) -> Iterator[_Difference]:
    """Parameters and digests in which the runs of two arms differ, on any seed that both have."""
    seen = _of_each_run(evidence, one) & _of_each_run(evidence, other)
    for seed in _shared_seeds(evidence, one, other):
        left, right = _conditions(evidence, one, seed), _conditions(evidence, other, seed)
        unknown = _unknown(evidence.of(one)[seed], left, right) | _unknown(
            evidence.of(other)[seed], right, left
        )
        for parameter in sorted((left.keys() | right.keys()) - seen - unknown):
            pair = left.get(parameter), right.get(parameter)
            if pair[0] != pair[1] and not _repeats_parameter(parameter, left, right):
                seen.add(parameter)
                yield _Difference(parameter, pair[0], pair[1])


def _of_each_run(evidence: Evidence, arm: str) -> set[str]:
    """Parameters in which others' runs of one arm differ: where they do in both, they make no arms differ."""
    values: dict[str, set[str]] = {}
    for seed, run in evidence.of(arm).items():
        if not run.own:
            for name, value in evidence.params(arm, seed).items():
                values.setdefault(name, set()).add(value)
    return {name for name, held in values.items() if len(held) > 1}


def _conditions(evidence: Evidence, arm: str, seed: int) -> dict[str, str]:
    """Everything that should be equal between compared runs: parameters, data, code, versions and so on."""
    run = evidence.of(arm)[seed]
    conditions = {k: v for k, v in evidence.params(arm, seed).items() if k not in NOT_PARAMETERS}
    extra = {
        DATASET: run.data_digest,
        "code digest": run.code_digest,
        "fidelity": run.fidelity,
        "device": run.device,
        **{name + _VERSION: version for name, version in run.versions.items()},
    }
    # What a run did can differ from the parameter that asked for it: device 'auto', say.
    conditions.update({k + _OF_RUN if k in conditions else k: v for k, v in extra.items() if v is not None})
    return conditions


def _repeats_parameter(name: str, left: dict[str, str], right: dict[str, str]) -> bool:
    """Whether what two runs did is no news beside the parameter that asked for it."""
    if not name.endswith(_OF_RUN):
        return False
    parameter = name.removesuffix(_OF_RUN)
    if name not in left or name not in right:
        return True
    return (left[name], right[name]) == (left.get(parameter), right.get(parameter))


def _compares(rules: Phase, evidence: Evidence) -> bool:
    """Whether runs of two arms are held against one another at all."""
    pairs = (pair for rule in rules.criteria.values() for pair in rule.compared_arms)
    return any(_shared_seeds(evidence, one, other) for one, other in pairs)


def _shared_seeds(evidence: Evidence, one: str, other: str) -> list[int]:
    return sorted(set(evidence.of(one)) & set(evidence.of(other)))


# --- what nobody logged ------------------------------------------------------------------------


def _unknown(run: Run, mine: dict[str, str], theirs: dict[str, str]) -> set[str]:
    """What a run lacks because it was not logged, so that nothing follows from its absence."""
    absent = theirs.keys() - mine.keys()
    if _lacks_params(run):
        return set(absent)
    # An arm may import a package that another does not need.
    return {name for name in absent if name == DATASET or name.endswith(_VERSION)}


def _lacks_params(run: Run) -> bool:
    """Logged by hand, without any parameters; our own runs had those that are declared."""
    return not run.own and not run.params


def _unlogged(rules: Phase, evidence: Evidence) -> Iterator[GuardResult]:
    """What is not known of the runs because nobody logged it."""
    runs = [run for arm in rules.arms for run in evidence.of(arm).values()]
    no_data = [run.arm for run in runs if run.data_digest is None]
    if no_data:
        yield _not_logged(DATASET, no_data, "whether they ran on the same data is not known")
    no_params = [run.arm for run in runs if _lacks_params(run)]
    if no_params:
        yield _not_logged("parameters", no_params, "those that the program declares are taken for granted")


def _not_logged(what: str, arms: Iterable[str], follows: str) -> GuardResult:
    return GuardResult(
        id=f"unlogged:{what}",
        outcome="not_applicable",
        consequence="caveat",
        reason=f"runs of {', '.join(dict.fromkeys(arms))} logged no {what}: {follows}",
    )
