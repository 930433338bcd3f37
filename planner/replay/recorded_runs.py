"""Finds the runs that were made for an arm without asking the experiment what it would run.

An experiment says what a configuration comes down to; a run logged it. So an arm of which a run was
counted is described by what that run logged, and its runs are found under that description.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from planner.evidence.run_selection import Catalog
from planner.language.program import Program
from planner.records.jobs import Description
from planner.records.runs import Run

PhaseFidelity = tuple[str, str]
"""(phase, fidelity)."""


class RecordedRuns:
    """The catalog of a program as its runs describe it, and the runs under the fingerprints that follow.

    Args:
        counted: (phase, fidelity) -> arm -> runs that were looked at for it.
        every: all finished runs; those of ours describe an arm where none was looked at.

    Attributes:
        catalog: describes every arm of the phases of ``counted``.
        runs: those of ``counted``, each once; ours with the fingerprint that the catalog gives them.
    """

    def __init__(
        self,
        program: Program,
        counted: Mapping[PhaseFidelity, Mapping[str, Sequence[Run]]],
        every: Iterable[Run],
    ) -> None:
        ours = sorted((run for run in every if run.own), key=lambda run: (run.seed, run.attempt, run.id))
        described = {
            (phase, arm, fidelity): _description(
                by_arm.get(arm, ()),
                [r for r in ours if (r.phase, r.arm, r.fidelity) == (phase, arm, fidelity)],
            )
            or _unknown(program, phase, arm, ours)
            for (phase, fidelity), by_arm in counted.items()
            if phase in program.phases
            for arm in program.phases[phase].arms
        }
        self.catalog = Catalog(described=described)
        stamped = {
            (run.id, stamped_run.fingerprint): stamped_run
            for (phase, fidelity), by_arm in counted.items()
            for arm, runs in by_arm.items()
            if (phase, arm, fidelity) in described
            for run in runs
            for stamped_run in [self._stamped(run, phase, arm, fidelity)]
        }
        self.runs = tuple(stamped.values())

    def _stamped(self, run: Run, phase: str, arm: str, fidelity: str) -> Run:
        if not run.own:
            return run
        planned = self.catalog.planned(phase, arm, fidelity, run.seed)
        return run.model_copy(update={"fingerprint": planned.fingerprint})


def _description(counted: Sequence[Run], ours: Sequence[Run]) -> Description | None:
    """What the runs of an arm logged; None where it has none of ours."""
    run = next((run for run in (*counted, *ours) if run.own), None)
    if run is None:
        return None
    return Description(config=dict(run.params), data_name="", data_digest=run.data_digest or "")


def _unknown(program: Program, phase: str, arm: str, ours: Sequence[Run]) -> Description:
    """An arm that nothing of ours was run for: known by what the program declares, on the others' data."""
    data = next((run.data_digest for run in ours if run.data_digest), "")  # in order of seed
    return Description(config={"declared": program.params(phase, arm)}, data_name="", data_digest=data)
