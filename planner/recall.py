"""Which runs count: from everything that MLflow holds to the evidence of one phase."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from planner.evidence import Evidence, as_text
from planner.program import Program
from planner.records import Exclusion, digest_of
from planner.runs import Description, PlannedRun, Run, UnfinishedRun

RETRIES = 1
"""How often a run that did not end by its own fault is tried again."""
DIGEST_LENGTH = 36
"""MLflow keeps at most this much of a dataset's digest."""
WORTH_RETRYING = frozenset({"out_of_memory", "timeout", "slowdown", "suspended", "killed", "lost"})
"""Outcomes that a second try may change; an exception or a NaN would come again."""


def is_tried_again(outcome: str, attempt: int) -> bool:
    """Whether a run that ended so has another try, which goes on from its checkpoint."""
    return outcome in WORTH_RETRYING and attempt <= RETRIES


@dataclass(frozen=True)
class Snapshot:
    """Every run of a program that MLflow holds, finished and unfinished apart."""

    finished: Sequence[Run] = ()
    unfinished: Sequence[UnfinishedRun] = ()


@dataclass(frozen=True)
class Catalog:
    """What identifies a program's own runs.

    Attributes:
        code: digest of the experiment's code as it is now.
        accepted: digests of earlier code that a person declared equal to it.
        described: (phase, arm, fidelity) -> what the experiment says of that configuration.
    """

    code: str = ""
    accepted: frozenset[str] = frozenset()
    described: Mapping[tuple[str, str, str], Description] = field(default_factory=dict)

    def planned(self, phase: str, arm: str, fidelity: str, seed: int, code: str | None = None) -> PlannedRun:
        """The run of that arm and seed, with its fingerprint."""
        told, code = self.described[phase, arm, fidelity], code or self.code
        identity = {
            "code": code,
            "config": told.config,
            "seed": seed,
            "fidelity": fidelity,
            "data": told.data_digest,
        }
        return PlannedRun(
            phase=phase,
            arm=arm,
            seed=seed,
            fidelity=fidelity,
            params=told.config,
            fingerprint=digest_of(identity),
            data_digest=told.data_digest[:DIGEST_LENGTH],
            code_digest=code,
        )

    def fingerprints(self, phase: str, arm: str, fidelity: str, seed: int) -> set[str]:
        """Every fingerprint under which that run may be found."""
        if (phase, arm, fidelity) not in self.described:
            return set()
        codes = {self.code, *self.accepted}
        return {self.planned(phase, arm, fidelity, seed, code).fingerprint for code in codes}


class Recall:
    """Answers which runs count for a phase and which are still to be made.

    Args:
        mended: phases after which a person has done what an option asked for (mended the
            infrastructure, say): each gives runs of the other phases that failed one more try.
    """

    def __init__(
        self,
        program: Program,
        snapshot: Snapshot,
        catalog: Catalog,
        excluded: Sequence[Exclusion] = (),
        mended: Sequence[str] = (),
    ) -> None:
        self.program = program
        self.catalog = catalog
        self.excluded = {e.run_id: e for e in excluded}
        self._mended = tuple(mended)
        self.snapshot = snapshot
        self._foreign = [run for run in snapshot.finished if not run.own]
        self._own: dict[str, list[Run]] = defaultdict(list)
        for run in snapshot.finished:
            if run.fingerprint is not None:
                self._own[run.fingerprint].append(run)
        self._seeds = sorted({run.seed for run in snapshot.finished if run.own})
        self._found: dict[tuple[str, str, str], list[Run]] = {}

    def evidence_of(self, phase: str, fidelity: str) -> Evidence:
        """The runs that count for a phase: our own by fingerprint, those of others by their tags."""
        runs: dict[str, dict[int, Run]] = {}
        failed: dict[str, dict[int, str]] = {}
        caveats: list[str] = []
        for arm in self.program.phases[phase].arms:
            found = self.candidates(phase, arm, fidelity)
            kept = self._not_excluded(found, caveats)
            kept = _one_dataset(arm, kept, caveats)
            by_seed = _one_per_seed(arm, kept, caveats)
            runs[arm] = {seed: run for seed, run in by_seed.items() if run.usable}
            failed[arm] = {seed: _why_unusable(run) for seed, run in by_seed.items() if not run.usable}
            caveats += self._logged_otherwise(phase, arm, runs[arm].values())
        declared = {arm: self.program.params(phase, arm) for arm in self.program.phases[phase].arms}
        return Evidence(phase, fidelity, runs, failed, declared, tuple(dict.fromkeys(caveats)))

    def missing(self, phase: str, fidelity: str, wanted: Mapping[str, int]) -> list[PlannedRun]:
        """The planned runs that have not been made, seed by seed over the arms.

        A run that failed is asked for again while a retry may help; a seed that a person excluded is
        replaced by the next one. Runs of others on the same data take the place of our own; an arm
        that others have measured often enough on other data needs none of ours.
        """
        found: dict[str, PlannedRun] = {}
        for arm, count in wanted.items():
            for seed in self._seeds_to_make(phase, arm, fidelity, count):
                planned = self.catalog.planned(phase, arm, fidelity, seed)
                found.setdefault(planned.fingerprint, planned)  # arms of one configuration share their runs
        order = {arm: i for i, arm in enumerate(wanted)}
        return sorted(found.values(), key=lambda p: (p.seed, order[p.arm]))

    def retried(self, planned: PlannedRun) -> Run | None:
        """The failed run that a planned one would retry."""
        earlier = self._own.get(planned.fingerprint, [])
        return max(earlier, key=lambda run: (run.attempt, run.id), default=None)

    def _seeds_to_make(self, phase: str, arm: str, fidelity: str, count: int) -> list[int]:
        """The lowest seeds that are free, so many that ``count`` are made or have failed for good."""
        found = self.candidates(phase, arm, fidelity)
        kept = [run for run in found if run.id not in self.excluded]
        if not any(run.own for run in kept):
            counting = _one_per_seed(arm, _one_dataset(arm, kept, []), [])
            if sum(run.usable for run in counting.values()) >= count:
                return []
        ours = self.catalog.described[phase, arm, fidelity].data_digest[:DIGEST_LENGTH]
        by_seed: dict[int, list[Run]] = defaultdict(list)
        for run in kept:
            if run.own or run.data_digest == ours:
                by_seed[run.seed].append(run)
        retries = RETRIES + sum(name != phase for name in self._mended)
        settled = {seed for seed, runs in by_seed.items() if not _wants_retry(runs, retries)}
        taken = settled | ({run.seed for run in found} - {run.seed for run in kept})
        free = (seed for seed in itertools.count() if seed not in taken)
        return list(itertools.islice(free, max(count - len(settled), 0)))

    def candidates(self, phase: str, arm: str, fidelity: str) -> list[Run]:
        """Every run that may count for an arm; asked for once, because a snapshot does not change."""
        key = phase, arm, fidelity
        if key not in self._found:
            self._found[key] = self._look_up(phase, arm, fidelity)
        return self._found[key]

    def _look_up(self, phase: str, arm: str, fidelity: str) -> list[Run]:
        places = {phase, self.program.phases[phase].runs_of or phase}
        prints = {p for seed in self._seeds for p in self.catalog.fingerprints(phase, arm, fidelity, seed)}
        own = [run for p in sorted(prints) for run in self._own.get(p, [])]
        others = [
            run
            for run in self._foreign
            if run.arm == arm and run.phase in places and run.fidelity in (None, fidelity)
        ]
        ranked = sorted(own, key=lambda run: (run.seed, run.attempt, run.id))
        return [*ranked, *sorted(others, key=lambda run: (run.seed, run.id))]

    def _not_excluded(self, runs: Sequence[Run], caveats: list[str]) -> list[Run]:
        for run in runs:
            if run.id in self.excluded:
                told = self.excluded[run.id]
                caveats.append(
                    f"run {run.id} ({run.arm}, seed {run.seed}) is excluded by {told.by}: {told.reason}"
                )
        return [run for run in runs if run.id not in self.excluded]

    def _logged_otherwise(self, phase: str, arm: str, runs: Iterable[Run]) -> list[str]:
        declared = {k: as_text(v) for k, v in self.program.params(phase, arm).items()}
        return [
            f"{name}: run {run.id} ({arm}) logged {value}, declared is {declared[name]}"
            for run in runs
            for name, value in sorted(run.params.items())
            if not run.own  # ours were launched with what is declared
            and name in declared
            and as_text(value) != declared[name]
        ]


def _wants_retry(runs: Sequence[Run], retries: int) -> bool:
    """Whether the runs of one seed gave nothing, and one more try may."""
    if any(run.usable and not (run.own and run.outcome in WORTH_RETRYING) for run in runs):
        return False
    tries = [run for run in runs if run.own]
    if any(run.outcome not in WORTH_RETRYING for run in tries):
        return False
    return all(run.attempt <= retries for run in tries)


def _one_dataset(arm: str, runs: Sequence[Run], caveats: list[str]) -> list[Run]:
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


def _one_per_seed(arm: str, runs: Sequence[Run], caveats: list[str]) -> dict[int, Run]:
    """The run that counts for each seed: one that ended well, our own first, then by attempt and id."""
    by_seed: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_seed[run.seed].append(run)
    chosen: dict[int, Run] = {}
    for seed, found in sorted(by_seed.items()):
        ranked = sorted(found, key=lambda r: (r.outcome != "ok", not r.usable, not r.own, -r.attempt, r.id))
        chosen[seed] = ranked[0]
        twins = [run for run in found if run.outcome == "ok"]
        if len(twins) > 1:
            caveats.append(f"{len(twins)} runs of '{arm}' have seed {seed}; {ranked[0].id} counts")
    return chosen


def _why_unusable(run: Run) -> str:
    return f"run {run.id} ended as {run.outcome}"
