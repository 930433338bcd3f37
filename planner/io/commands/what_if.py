"""``explain --what-if``: reads the runs as ``advance --no-run`` would, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.engine.options import AdvanceOptions
from planner.explaining.trace import Trace
from planner.explaining.what_if import read_given, what_if
from planner.io.commands.situation import load_situation
from planner.paths import Home


def suppose(home: Home, trace: Trace, texts: Sequence[str]) -> dict[str, Any]:
    """What the phase that is explained would say if arms had measured something else.

    Args:
        texts: ``ARM.METRIC=VALUE``, each.

    Raises:
        UsageError: one of them is malformed, or the phase cannot be judged on the runs that are there.

    Side effects: none on the home.
    """
    given = [read_given(trace.program, trace.phase, text) for text in texts]
    own = trace.program.phases[trace.phase].fidelity
    judged = trace.verdict.fidelity if trace.verdict is not None else own
    options = AdvanceOptions(no_run=True, fidelity=None if judged == own else judged)
    return what_if(load_situation(home, trace.program, options).state, trace.phase, given)
