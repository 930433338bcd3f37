"""Which runs count: from everything that MLflow holds to the evidence of one phase."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from planner.evidence.eligibility import build_evidence, given_up, one_dataset, one_per_seed
from planner.evidence.evidence import Evidence
from planner.evidence.shared_seeds import ArmSeeds, compared_pairs, seeds_to_make
from planner.language.program import Program
from planner.records.base import digest_of
from planner.records.jobs import Description
from planner.records.person import Exclusion, Retry
from planner.records.repeats import Repeat
from planner.records.runs import DIGEST_LENGTH, SET_ASIDE, PlannedRun, Run, UnfinishedRun

WORTH_RETRYING = SET_ASIDE | {"out_of_memory", "timeout", "slowdown", "suspended", "killed", "lost"}
"""Outcomes that a second try may change; an exception or a NaN would come again."""


def is_tried_again(outcome: str, attempt: int, retries: int) -> bool:
    """Whether a run that ended so has another try, which goes on from its checkpoint."""
    return outcome in WORTH_RETRYING and attempt <= retries


def spent_by(runs: Iterable[Run]) -> tuple[int, float]:
    """Runs and seconds of a budget that our own runs took.

    One that was cut off from outside, or failed for a reason outside of it, is no try and costs no run: how
    often a planner is killed or a disk is away must not change what a program comes to.
    """
    own = [run for run in runs if run.own]
    tries = {
        (run.fingerprint, run.attempt) for run in own if run.attempt > 0 and run.outcome != "environment"
    }
    return len(tries), sum(run.seconds for run in own)


@dataclass(frozen=True)
class Snapshot:
    """Every run of a program that MLflow holds, finished and unfinished apart.

    Attributes:
        repeats: of runs that were made a second time, which is no evidence; one for each code and fidelity.
    """

    finished: Sequence[Run] = ()
    unfinished: Sequence[UnfinishedRun] = ()
    repeats: Sequence[Repeat] = ()


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
        description, code = self.described[phase, arm, fidelity], code or self.code
        identity = {
            "code": code,
            "config": description.config,
            "seed": seed,
            "fidelity": fidelity,
            "data": description.data_digest,
        }
        return PlannedRun(
            phase=phase,
            arm=arm,
            seed=seed,
            fidelity=fidelity,
            params=description.config,
            fingerprint=digest_of(identity),
            data_digest=description.data_digest[:DIGEST_LENGTH],
            code_digest=code,
        )

    def fingerprints(self, phase: str, arm: str, fidelity: str, seed: int) -> set[str]:
        """Every fingerprint under which that run may be found."""
        if (phase, arm, fidelity) not in self.described:
            return set()
        codes = {self.code, *self.accepted}
        return {self.planned(phase, arm, fidelity, seed, code).fingerprint for code in codes}


class RunSelector:
    """Answers which runs count for a phase and which are still to be made.

    Args:
        mended: phases after which a person has done what an option asked for (mended the
            infrastructure, say): each gives runs of the other phases that failed one more try.
        again: ids of failed runs that count as not made, because what they lacked may be there by now.
        retried: run id -> the word of a person that has it made again; it counts as not made either.
    """

    def __init__(
        self,
        program: Program,
        snapshot: Snapshot,
        catalog: Catalog,
        excluded: Sequence[Exclusion] = (),
        mended: Sequence[str] = (),
        again: frozenset[str] = frozenset(),
        retried: Mapping[str, Retry] | None = None,
    ) -> None:
        self.program = program
        self.catalog = catalog
        self.excluded = {e.run_id: e for e in excluded}
        self._mended = tuple(mended)
        self._retried = retried or {}
        self._again = again | set(self._retried)
        self.snapshot = snapshot
        self._foreign = [run for run in snapshot.finished if not run.own]
        self._own: dict[str, list[Run]] = defaultdict(list)
        for run in snapshot.finished:
            if run.fingerprint is not None:
                self._own[run.fingerprint].append(run)
        self._seeds = sorted({run.seed for run in snapshot.finished if run.own})
        self._candidates: dict[tuple[str, str, str], list[Run]] = {}

    def evidence_of(self, phase: str, fidelity: str) -> Evidence:
        """The runs that count for a phase: our own by fingerprint, those of others by their tags."""
        candidates = {arm: self.candidates(phase, arm, fidelity) for arm in self.program.phases[phase].arms}
        evidence = build_evidence(self.program, phase, fidelity, candidates, self.excluded, self._retried)
        to_retry = {
            arm: self._tried_again(phase, candidates[arm], by_seed)
            for arm, by_seed in evidence.failed.items()
        }
        return replace(evidence, to_retry=to_retry)

    def _tried_again(self, phase: str, runs: Sequence[Run], failed: Iterable[int]) -> frozenset[int]:
        """The failed seeds of an arm that have another try."""
        kept = [run for run in runs if run.id not in self.excluded]
        retries = self._retries(phase)
        return frozenset(s for s in failed if self._is_open([run for run in kept if run.seed == s], retries))

    def _is_open(self, runs: Sequence[Run], retries: int) -> bool:
        """Whether one seed is still to be measured by a further try; tries are counted anew after some."""
        anew = max((run.attempt for run in runs if run.id in self._again), default=None)
        if anew is None:
            return _wants_retry(runs, retries)
        return _wants_retry([run for run in runs if not run.own or run.attempt > anew], retries + anew)

    def _retries(self, phase: str) -> int:
        return self.program.budget.retries + sum(name != phase for name in self._mended)

    def missing(self, phase: str, fidelity: str, wanted: Mapping[str, int]) -> list[PlannedRun]:
        """The planned runs that have not been made, seed by seed over the arms.

        A run that failed is asked for again while a retry may help. A seed that an arm has lost is replaced
        by the next one, in every arm that is compared with it (:mod:`planner.evidence.shared_seeds`). Runs
        of others on the same data take the place of our own; an arm that others have measured often enough
        on other data needs none of ours.

        Args:
            wanted: arm -> how many seeds are to give evidence.
        """
        runs: dict[str, PlannedRun] = {}
        rules = self.program.phases[phase]
        arms = {arm: self._seeds_of(phase, arm, fidelity, wanted.get(arm)) for arm in rules.arms}
        most, first = self.program.most_seeds(phase, fidelity), self.program.seeds_by_name(phase)
        seeds = seeds_to_make(arms, compared_pairs(rules), wanted, most, first)
        for arm, planned_seeds in seeds.items():
            for seed in planned_seeds:
                planned = self.catalog.planned(phase, arm, fidelity, seed)
                runs.setdefault(planned.fingerprint, planned)  # arms of one configuration share their runs
        order = {arm: i for i, arm in enumerate(wanted)}
        return sorted(runs.values(), key=lambda p: (p.seed, order[p.arm]))

    def retried(self, planned: PlannedRun) -> Run | None:
        """The failed run that a planned one would retry."""
        earlier = self._own.get(planned.fingerprint, [])
        return max(earlier, key=lambda run: (run.attempt, run.id), default=None)

    def _seeds_of(self, phase: str, arm: str, fidelity: str, wanted: int | None) -> ArmSeeds:
        """What became of the seeds of an arm.

        Args:
            wanted: how many are to give evidence; None where nothing is asked of the arm.
        """
        candidates = self.candidates(phase, arm, fidelity)
        kept = [run for run in candidates if run.id not in self.excluded]
        if not any(run.own for run in kept):
            counting = one_per_seed(arm, one_dataset(arm, kept, []), [])
            usable = frozenset(seed for seed, run in counting.items() if run.usable)
            if wanted is not None and len(usable) >= wanted:
                return ArmSeeds(good=usable, complete=True)
        ours = self.catalog.described[phase, arm, fidelity].data_digest[:DIGEST_LENGTH]
        by_seed: dict[int, list[Run]] = defaultdict(list)
        for run in kept:
            if run.own or run.data_digest == ours:
                by_seed[run.seed].append(run)
        retries = self._retries(phase)
        settled = {seed: runs for seed, runs in by_seed.items() if not self._is_open(runs, retries)}
        good = frozenset(seed for seed, runs in settled.items() if any(run.usable for run in runs))
        excluded = {run.seed for run in candidates if run.id in self.excluded}
        return ArmSeeds(
            good=good,
            failed=frozenset(settled) - good,
            excluded=frozenset(excluded - set(settled)),
            asked_again=frozenset(
                seed
                for seed, runs in by_seed.items()
                if seed not in settled and any(run.id in self._retried for run in runs)
            ),
            given_up=bool(given_up([run for runs in settled.values() for run in runs])),
        )

    def candidates(self, phase: str, arm: str, fidelity: str) -> list[Run]:
        """Every run that may count for an arm; asked for once, because a snapshot does not change."""
        key = phase, arm, fidelity
        if key not in self._candidates:
            self._candidates[key] = self._look_up(phase, arm, fidelity)
        return self._candidates[key]

    def _look_up(self, phase: str, arm: str, fidelity: str) -> list[Run]:
        phases = {phase, self.program.phases[phase].runs_of or phase}
        prints = {p for seed in self._seeds for p in self.catalog.fingerprints(phase, arm, fidelity, seed)}
        own = [run for p in sorted(prints) for run in self._own.get(p, [])]
        others = [
            run
            for run in self._foreign
            if run.arm == arm and run.phase in phases and run.fidelity in (None, fidelity)
        ]
        ranked = sorted(own, key=lambda run: (run.seed, run.attempt, run.id))
        return [*ranked, *sorted(others, key=lambda run: (run.seed, run.id))]


def _wants_retry(runs: Sequence[Run], retries: int) -> bool:
    """Whether the runs of one seed gave nothing, and one more try may."""
    if any(run.usable and not (run.own and run.outcome in WORTH_RETRYING) for run in runs):
        return False
    tries = [run for run in runs if run.own]
    if any(run.outcome not in WORTH_RETRYING for run in tries):
        return False
    return all(run.attempt <= retries for run in tries)
