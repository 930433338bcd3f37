"""Why runs that MLflow already holds are made again: they were made of something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from planner.records.runs import MEASURED, PlannedRun, Run

Files = tuple[str, ...]
Difference = Literal["code", "identity", "data", "configuration"]


@dataclass(frozen=True)
class MadeAgain:
    """So many runs that are there and do not count, for one reason.

    Attributes:
        why: the code changed; files belong to a run's identity that did not when they were made; the data
            changed; the arm's configuration did.
        files: which ones, as far as that is known.
    """

    runs: int
    why: Difference
    files: Files = ()

    def __str__(self) -> str:
        files = ", ".join(self.files)
        which = f" ({files})" if files else ""
        reasons: dict[Difference, str] = {
            "code": f"the code has changed{which}",
            "identity": f"earlier versions left out of a run's identity: {files}",
            "data": f"the data have changed{which}",
            "configuration": "the configuration of the arm has changed",
        }
        runs = "run is" if self.runs == 1 else "runs are"
        return f"{self.runs} {runs} there and made again: {reasons[self.why]}"


@dataclass(frozen=True)
class Origins:
    """What is known of the code and data that runs were made with.

    Attributes:
        earlier: digest that the code would have had by an earlier version -> the files which that left out.
        changed_code: digest -> the files of that code that are not so any more; empty where nobody knows.
        changed_data: phase -> the data files that are not what they were.
    """

    earlier: Mapping[str, Files]
    changed_code: Callable[[str], Files]
    changed_data: Mapping[str, Files]

    def difference(self, run: Run, planned: PlannedRun) -> tuple[Difference, Files]:
        """Why a run does not stand for a planned one."""
        if run.code_digest != planned.code_digest:
            code = run.code_digest or ""
            left_out = self.earlier.get(code)
            return ("identity", left_out) if left_out else ("code", self.changed_code(code))
        if run.data_digest != planned.data_digest:
            return "data", self.changed_data.get(planned.phase, ())
        return "configuration", ()


def made_again(launch: Iterable[PlannedRun], finished: Sequence[Run], origins: Origins) -> list[MadeAgain]:
    """The planned runs that are there already, made of something else, by reason; the most frequent first."""
    there = {(run.phase, run.arm, run.seed, run.fidelity): run for run in finished if _counted(run)}
    keys = [(planned, (planned.phase, planned.arm, planned.seed, planned.fidelity)) for planned in launch]
    reasons = Counter(origins.difference(there[key], planned) for planned, key in keys if key in there)
    return [MadeAgain(count, why, files) for (why, files), count in reasons.most_common()]


def _counted(run: Run) -> bool:
    return run.own and run.outcome in MEASURED
