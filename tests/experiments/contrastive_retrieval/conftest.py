"""No test sees what another trained."""

from __future__ import annotations

import pytest

from experiments import contrastive_retrieval as study
from experiments.parts.stages import Recent


@pytest.fixture(autouse=True)
def nothing_kept_from_other_tests(monkeypatch):
    monkeypatch.setattr(study, "_TRAINED", Recent(3))
