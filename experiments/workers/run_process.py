"""What a run's own process does, and how it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.contract import Experiment
from experiments.frozen import FrozenModules
from experiments.loading import Refused, describe, load
from experiments.measuring import (
    Job,
    Result,
    late_imports,
    measure,
    measure_together,
    unwritten,
    write_result,
)
from experiments.workers.answers import Answers
from experiments.workers.imports import imported_below, versions_of

APART = 75
"""Exit code of a process whose jobs did not go together: each is then run alone."""


@dataclass(frozen=True)
class RunProcess:
    """Answers one request in a process that ends with it.

    Args:
        home: absolute path.
        threads: of torch.
        frozen: the modules that are imported in place of their files; None where all come from their files.
        before: the modules that were imported before any experiment was.
    """

    home: Path
    threads: int
    answers: Answers
    frozen: FrozenModules | None
    before: frozenset[str]

    def serve(self, request: Mapping[str, Any]) -> int:
        """Does what is asked; gives the exit code."""
        os.chdir(self.home)
        if request["request"] == "describe":
            self._describe(request["experiment"], request["wanted"])
            return 0
        return self._run(request["jobs"])

    def _describe(self, name: str, wanted: Sequence[tuple[Mapping[str, Any], str]]) -> None:
        try:
            descriptions = describe(name, self._find(name), wanted)
        except Refused as error:
            self.answers.say("refused", kind=error.kind, message=str(error))
        else:
            self.answers.say("described", descriptions=descriptions)

    def _run(self, jobs: Sequence[Job]) -> int:
        if jobs[0].get("alone"):  # what a second time took from the first would be the same, of course
            os.environ.pop("PHASEGATE_SHARED", None)
        on_progress = self.answers.progress()
        if len(jobs) == 1:
            self._end(jobs[0], measure(jobs[0], self._find, on_progress))
            return 0
        results = measure_together(jobs, self._find, on_progress)
        if results is None:
            return APART
        for job, result in zip(jobs, results, strict=True):
            self._end(job, result)
        return 0

    def _end(self, job: Job, result: Result) -> None:
        folder = Path(job["folder"])
        result = self._identified(job, result)
        try:
            write_result(folder, result)
        except OSError as error:
            result = {**unwritten(error, folder), "seconds": result["seconds"]}
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError):  # closed by the experiment
                stream.flush()
        self.answers.say("ended", id=job["id"], **result)

    def _identified(self, job: Job, result: Result) -> Result:
        """The result with the versions that it came of; not a result where other code was at work, too."""
        if job["command"]:  # its process is another, of which nobody knows
            return result
        own = {name for name in sys.modules if name.partition(".")[0] == "experiments"} - self.before
        if self.frozen is not None:
            late = imported_below(self.home, self.before | self.frozen.modules)
            if late:
                return late_imports(late, result["seconds"])
            own |= self.frozen.modules
        return {**result, "versions": versions_of(own)}

    def _find(self, name: str) -> Experiment:
        experiment = load(name)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(self.threads)
        return experiment
