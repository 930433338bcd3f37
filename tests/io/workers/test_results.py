"""What a worker left of a run is read as it wrote it."""

from __future__ import annotations

from pathlib import Path

from experiments.measuring import write_result
from planner.io.workers.results import read_result

RESULT = {"outcome": "ok", "reason": "", "seconds": 1.0, "not_finite": [], "device": "cpu"}


def test_the_versions_that_a_worker_wrote_down_are_read(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    write_result(tmp_path, {**RESULT, "versions": {"torch": "2.13.0"}})
    ended = read_result(tmp_path, "j")
    assert ended is not None and ended.versions == {"torch": "2.13.0"}


def test_a_result_from_before_versions_were_written_down_is_read(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    write_result(tmp_path, RESULT)
    ended = read_result(tmp_path, "j")
    assert ended is not None and ended.versions == {}
