"""Which of the runs found for a phase count, and what has to be said of the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from planner.evidence.evidence import Evidence
from planner.evidence.values import as_text
from planner.language.program import Program
from planner.records.person import Exclusion, Retry
from planner.records.runs import Run

GIVES_UP = 3
"""After so many seeds of an arm that failed alike, and none that did not, no more are tried."""


def build_evidence(
    program: Program,
    phase: str,
    fidelity: str,
    candidates: Mapping[str, Sequence[Run]],
    excluded: Mapping[str, Exclusion],
    retried: Mapping[str, Retry] | None = None,
) -> Evidence:
    """The evidence of a phase.

    Args:
        candidates: arm -> the finished runs that may count for it.
        excluded: run id -> the exclusion that stands.
        retried: run id -> the word of a person that had it made again.
    """
    runs: dict[str, dict[int, Run]] = {}
    failed: dict[str, dict[int, Run]] = {}
    caveats: list[str] = []
    for arm in program.phases[phase].arms:
        kept = _not_excluded(candidates.get(arm, ()), excluded, caveats)
        kept = one_dataset(arm, kept, caveats)
        by_seed = one_per_seed(arm, kept, caveats)
        runs[arm] = {seed: run for seed, run in by_seed.items() if run.usable}
        failed[arm] = {seed: run for seed, run in by_seed.items() if not run.usable}
        why = given_up(kept)
        caveats += [f"'{arm}' was given up: {why}, and no run of it gave evidence"] if why else []
        caveats += _logged_otherwise(program, phase, arm, runs[arm].values())
    declared = {arm: program.params(phase, arm) for arm in program.phases[phase].arms}
    noted = tuple(dict.fromkeys(caveats))
    again = tuple(_made_again(candidates, retried or {}))
    return Evidence(phase, fidelity, runs, failed, declared, noted, looked_at=candidates, made_again=again)


def _made_again(candidates: Mapping[str, Sequence[Run]], retried: Mapping[str, Retry]) -> list[str]:
    """One sentence for each word of a person that had failed runs made again."""
    runs = [run for of_arm in candidates.values() for run in of_arm if run.id in retried]
    by_word: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        word = retried[run.id]
        by_word[f"at the word of {word.by}: {word.reason}"].add(run.id)
    return [
        f"failed runs {', '.join(sorted(ids))} were made again {why}" for why, ids in sorted(by_word.items())
    ]


def given_up(runs: Sequence[Run]) -> str:
    """Why no more seeds of an arm are worth trying, given its runs; empty where they are.

    So many of its seeds ended in the same way, and none of its runs was usable, that the next would too.
    """
    last = {run.seed: run for run in sorted(runs, key=lambda run: (run.attempt, run.id))}
    if any(run.usable for run in runs) or not last:
        return ""
    (outcome, count), *_ = Counter(run.outcome for run in last.values()).most_common(1)
    return f"{count} seeds ended as {outcome}" if count >= GIVES_UP else ""


def _not_excluded(runs: Sequence[Run], excluded: Mapping[str, Exclusion], caveats: list[str]) -> list[Run]:
    for run in runs:
        if run.id in excluded:
            exclusion = excluded[run.id]
            caveats.append(
                f"run {run.id} ({run.arm}, seed {run.seed}) is excluded by {exclusion.by}: {exclusion.reason}"
            )
    return [run for run in runs if run.id not in excluded]


def _logged_otherwise(program: Program, phase: str, arm: str, runs: Iterable[Run]) -> list[str]:
    declared = {k: as_text(v) for k, v in program.params(phase, arm).items()}
    return [
        f"{name}: run {run.id} ({arm}) logged {value}, declared is {declared[name]}"
        for run in runs
        for name, value in sorted(run.params.items())
        if not run.own  # ours were launched with what is declared
        and name in declared
        and as_text(value) != declared[name]
    ]


def one_dataset(arm: str, runs: Sequence[Run], caveats: list[str]) -> list[Run]:
    """Runs on one dataset: our own where there are any, otherwise the digest that most runs have."""
    own = {run.data_digest for run in runs if run.own}
    digests = own or {run.data_digest for run in runs}
    if len(digests) <= 1 and (not own or all(run.data_digest in own for run in runs)):
        return list(runs)
    counts = {d: sum(run.data_digest == d for run in runs) for d in digests}
    best = max(counts, key=lambda d: (counts[d], d or ""))
    dropped = [run.id for run in runs if run.data_digest != best]
    caveats.append(
        f"dataset digest: {len(dropped)} runs of '{arm}' are on other or unknown data and are not pooled "
        f"({', '.join(dropped[:3])})"
    )
    return [run for run in runs if run.data_digest == best]


def one_per_seed(arm: str, runs: Sequence[Run], caveats: list[str]) -> dict[int, Run]:
    """The run that counts for each seed: one that ended well, our own first, then the later one."""
    by_seed: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_seed[run.seed].append(run)
    chosen: dict[int, Run] = {}
    for seed, tries in sorted(by_seed.items()):
        ranked = sorted(tries, key=_rank)
        chosen[seed] = ranked[0]
        complete = [run for run in tries if run.outcome == "ok"]
        if len(complete) > 1:
            caveats.append(f"{len(complete)} runs of '{arm}' have seed {seed}; {ranked[0].id} counts")
    return chosen


def _rank(run: Run) -> tuple[bool, bool, bool, int, float, str]:
    """Less for a run that counts before another of its seed; ids decide nothing unless all else is equal."""
    return run.outcome != "ok", not run.usable, not run.own, -run.attempt, -(run.ended or 0.0), run.id
