"""From runs to the numbers that criteria judge."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from planner.evidence.values import as_text
from planner.records.runs import Run


@dataclass(frozen=True)
class Evidence:
    """The runs that count for one phase at one fidelity.

    Attributes:
        runs: arm -> seed -> the run that counts.
        failed: arm -> seed -> the run that gave no usable evidence.
        declared: arm -> parameters that the program gives it in this phase.
        caveats: what had to be assumed to use these runs.
        looked_at: arm -> every run that was looked at, whether it counts or not.
        set_aside: ids of runs that do not count because they were judged under other rules before.
        to_retry: arm -> seeds that gave nothing, and will be tried again.
        made_again: what is to be said of failed runs that a person had made again.
    """

    phase: str
    fidelity: str
    runs: Mapping[str, Mapping[int, Run]] = field(default_factory=dict)
    failed: Mapping[str, Mapping[int, Run]] = field(default_factory=dict)
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()
    looked_at: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    set_aside: tuple[str, ...] = ()
    to_retry: Mapping[str, Collection[int]] = field(default_factory=dict)
    made_again: tuple[str, ...] = ()

    def of(self, arm: str) -> Mapping[int, Run]:
        """The runs of an arm by seed; empty if there are none."""
        return self.runs.get(arm, {})

    def failed_for_good(self, arm: str) -> int:
        """How many seeds of an arm gave nothing and are not tried again."""
        return len(set(self.failed.get(arm, {})) - set(self.to_retry.get(arm, ())))

    @property
    def present(self) -> set[str]:
        """The arms that have runs."""
        return {arm for arm, runs in self.runs.items() if runs}

    @property
    def all_runs(self) -> list[Run]:
        """Every run that counts, by arm and seed."""
        return [run for arm in sorted(self.runs) for _, run in sorted(self.runs[arm].items())]

    def without(self, run_ids: Collection[str]) -> Evidence:
        """The evidence with some runs set aside."""
        kept = {
            arm: {seed: run for seed, run in by_seed.items() if run.id not in run_ids}
            for arm, by_seed in self.runs.items()
        }
        aside = tuple(run.id for run in self.all_runs if run.id in run_ids)
        return replace(self, runs=kept, set_aside=aside)

    def params(self, arm: str, seed: int) -> dict[str, str]:
        """The parameters of a run: declared ones, and over them what the run logged."""
        declared = {k: as_text(v) for k, v in self.declared.get(arm, {}).items()}
        return {**declared, **{k: as_text(v) for k, v in self.of(arm)[seed].params.items()}}
