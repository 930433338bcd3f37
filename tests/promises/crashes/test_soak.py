"""A hundred runs, every tenth of which kills its worker, come to the same verdicts as without faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import soak

pytestmark = pytest.mark.slow


def test_a_small_soak_ends_as_if_no_worker_had_died(tmp_path: Path) -> None:
    figures, wrong = soak(tmp_path, phases=3, seeds=10, jobs=2, faults=150)
    # So short a campaign is over while the planner is still opening what it needs; the long one sees it grow.
    assert [text for text in wrong if " grew to " not in text] == []
    assert figures["outcomes"]["killed"] > 3
