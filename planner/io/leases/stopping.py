"""Ends a planner of this machine in good order."""

from __future__ import annotations

import os
import signal
import time

from planner.errors import ProgramBusy
from planner.io.leases.program_lock import Holder, is_there

PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.05


def end_planner(planner: Holder, patience: float = PATIENCE_SECONDS) -> None:
    """Asks a process of this machine to end, and returns when it has ended.

    Raises:
        ProgramBusy: it belongs to another user, or takes longer than that to end.

    Side effects: SIGTERM, once: a second one would cut off what it is writing.
    """
    try:
        os.kill(planner.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError:
        raise ProgramBusy(
            f"{planner} may not be stopped by this user", "let its own user run 'phasegate stop'"
        ) from None
    until = time.monotonic() + patience
    while is_there(planner):
        if time.monotonic() >= until:
            raise ProgramBusy(
                f"{planner} was asked to stop and has not ended after {patience:g} s: it finishes a write",
                f"wait for it, or end it at once with 'kill {planner.pid}'",
            )
        time.sleep(POLL_SECONDS)
