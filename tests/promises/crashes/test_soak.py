"""A hundred runs, every tenth of which kills its worker, come to the same verdicts as without faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import soak

pytestmark = pytest.mark.slow


def test_a_small_soak_ends_as_if_no_worker_had_died(tmp_path: Path) -> None:
    figures, wrong = soak(tmp_path, phases=5, seeds=10, jobs=2, faults=100)
    # The planner's memory is still warming up in so short a campaign; the long one looks at it.
    assert [text for text in wrong if "memory" not in text and "threads" not in text] == []
    assert figures["outcomes"]["killed"] > 3
