"""Runs that gave nothing, those that failed alike together: a cause is told once, not for every run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from planner.evidence.evidence import Evidence
from planner.records.jobs import Ended, Event, Job
from planner.records.runs import Failure, Run, RunOutcome

WHOLE = frozenset({"ok", "bad_metric"})
"""Outcomes of runs that came to their end."""


def failed_today(runs: Iterable[Run], codes: Collection[str]) -> list[Run]:
    """Our runs of this code that failed, each the last try of its seed, where no try gave a whole answer."""
    last: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: (run.outcome in WHOLE, run.attempt, run.id)):
        if run.fingerprint is not None and run.code_digest in codes:
            last[run.fingerprint] = run
    failed = [run for run in last.values() if run.outcome not in WHOLE and run.attempt > 0]
    return sorted(failed, key=lambda run: (run.phase, run.arm, run.seed, run.id))


def grouped_failures(runs: Iterable[tuple[str, Run]]) -> list[Failure]:
    """The failures of these (arm, run), those first that befell most."""
    alike: dict[tuple[RunOutcome, str, str], list[tuple[str, str]]] = defaultdict(list)
    for arm, run in runs:
        alike[run.outcome, run.reason, run.raised_at].append((arm, run.id))
    failures = [
        Failure(
            arms=tuple(dict.fromkeys(arm for arm, _ in group)),
            outcome=outcome,
            cause=cause,
            raised_at=raised_at,
            run_ids=tuple(run_id for _, run_id in group),
        )
        for (outcome, cause, raised_at), group in alike.items()
    ]
    return sorted(failures, key=lambda failure: -len(failure.run_ids))


BEFALLS_OTHERS = frozenset({"code_error", "environment"})
"""Outcomes whose cause is likely to end the runs of any other arm too."""


def same_in_two_arms(evidence: Evidence) -> Failure | None:
    """What ended runs of two different arms in the same way and is not tried again; None for nothing."""
    return next((f for f in _standing(evidence) if len(f.arms) > 1), None)


def _standing(evidence: Evidence) -> list[Failure]:
    """What our runs that failed for good ended in, where it is likely to end those of other arms too."""
    runs = {
        run.id: (run.arm, run)  # the arm that it was made for: arms of one configuration share their runs
        for arm, by_seed in sorted(evidence.failed.items())
        for seed, run in sorted(by_seed.items())
        if run.own and seed not in evidence.to_retry.get(arm, ())
    }
    return [f for f in grouped_failures(runs.values()) if f.cause and f.outcome in BEFALLS_OTHERS]


class FailuresAlike:
    """Follows runs as they end, and tells when two arms have failed in the same way.

    Args:
        evidence: what failed before counts too.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._arms = {(f.outcome, f.cause, f.raised_at): set(f.arms) for f in _standing(evidence)}

    def take(self, job: Job, event: Event) -> None:
        """Something happened to a job."""
        if isinstance(event, Ended) and event.cause and event.outcome in BEFALLS_OTHERS:
            self._arms.setdefault((event.outcome, event.cause, event.raised_at), set()).add(job.arm)

    @property
    def befell_two_arms(self) -> bool:
        """Whether something has."""
        return any(len(arms) > 1 for arms in self._arms.values())


def failures_of(evidence: Evidence) -> list[Failure]:
    """The seeds of a phase that gave nothing, by cause; where no run worked, every try of them."""
    failed = [(arm, run) for arm, runs in sorted(evidence.failed.items()) for _, run in sorted(runs.items())]
    if not any(evidence.runs.values()):
        failed = [(arm, run) for arm, runs in evidence.looked_at.items() for run in runs if not run.usable]
    return grouped_failures(failed)
