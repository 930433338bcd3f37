"""``explain --what-if``: reads the runs as ``advance --no-run`` would, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.explaining.trace import Trace
from planner.explaining.what_if import read_intervention, what_if
from planner.io.commands.advance import Request
from planner.io.commands.dry_run import read_only_desk
from planner.paths import Home


def suppose(home: Home, trace: Trace, told: Sequence[str]) -> dict[str, Any]:
    """What the phase that is explained would say if arms had measured something else.

    Args:
        told: ``ARM.METRIC=VALUE``, each.

    Raises:
        UsageError: one of them is malformed, or the phase cannot be judged on the runs that are there.

    Side effects: none on the home.
    """
    given = [read_intervention(trace.program, trace.phase, text) for text in told]
    own = trace.program.phases[trace.phase].fidelity
    judged = trace.verdict.fidelity if trace.verdict is not None else own
    request = Request(no_run=True, fidelity=None if judged == own else judged)
    with read_only_desk(home, trace.program, request) as desk:
        return what_if(desk.recall(), trace.phase, given)
