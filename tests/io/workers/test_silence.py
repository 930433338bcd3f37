"""A run without a time limit that shows no sign of life is told."""

from __future__ import annotations

import os
from pathlib import Path

from planner.io.workers.silence import SILENT_SECONDS, SilenceWatch, last_sign
from planner.records.jobs import Ended, Job, Progressed, Started


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A watch over one run, on a clock that a test moves."""

    def __init__(self, timeout: float | None = None) -> None:
        self.clock, self.sign, self.said = Clock(), 0.0, list[str]()
        self.watch = SilenceWatch(self.clock, lambda job: self.sign, self.said.append)
        names = {"arm": "b", "seed": 1, "experiment": "tiny", "params": {}, "fidelity": "smoke"}
        self.job = Job(id="job-1", folder="runs/1", timeout=timeout, **names)
        self.watch.take(self.job, Started(job_id="job-1", pid=1, process_start=0.0, host="here"))

    def after(self, seconds: float) -> list[str]:
        """What is said so long after."""
        self.said.clear()
        self.clock.now += seconds
        self.watch.look()
        return list(self.said)


def test_it_is_named_after_ten_minutes_and_again_each_time_the_silence_has_doubled() -> None:
    run = Watched()
    assert run.after(SILENT_SECONDS - 1) == []
    (line,) = run.after(1)
    assert line.startswith("run of b, seed 1: no sign of life for 10 min (no metric, nothing printed)")
    assert run.after(SILENT_SECONDS - 1) == []
    assert "for 20 min" in run.after(1)[0]


def test_a_file_that_it_wrote_or_progress_that_it_made_is_a_sign_of_life() -> None:
    run = Watched()
    run.after(400)
    run.sign = run.clock.now
    assert run.after(400) == []
    run.watch.take(run.job, Progressed(job_id="job-1", done=1, total=2))
    assert run.after(SILENT_SECONDS - 1) == []
    assert run.after(1) != []


def test_one_with_a_time_limit_and_one_that_has_ended_are_not_watched() -> None:
    assert Watched(timeout=5.0).after(10 * SILENT_SECONDS) == []
    run = Watched()
    run.watch.take(run.job, Ended(job_id="job-1", outcome="ok", seconds=1.0))
    assert run.after(10 * SILENT_SECONDS) == []


def test_what_a_run_writes_and_prints_is_seen(tmp_path: Path) -> None:
    run = Watched().job.model_copy(update={"folder": str(tmp_path / "run")})
    assert last_sign(run) == 0.0
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    for name in (".", "checkpoint"):
        os.utime(tmp_path / "run" / name, (100, 100))
    assert last_sign(run) == 100.0
    (tmp_path / "run" / "checkpoint" / "model.pt").touch()
    os.utime(tmp_path / "run" / "checkpoint", (100, 100))
    os.utime(tmp_path / "run" / "checkpoint" / "model.pt", (300, 300))
    assert last_sign(run) == 300.0
