"""What a worker and its runs say to the planner."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

from experiments.measuring import OnProgress
from experiments.workers.process_tree import end_this_process

PROGRESS_SECONDS = 0.2


class Answers:
    """Writes answers, a JSON object a line; where nobody listens any more, ends this process.

    A planner that died must not become an error of the experiment that was at work.

    Args:
        file: number of the open file that the planner reads.
    """

    def __init__(self, file: int) -> None:
        self.file = file
        self._lock = threading.Lock()  # an experiment may report progress from a thread of its own

    def say(self, name: str, **fields: Any) -> None:
        """Writes one answer, on a line of its own: who spoke before may have been killed within one."""
        line = ("\n" + json.dumps({"answer": name, **fields}) + "\n").encode()
        with self._lock:
            try:
                while line:
                    line = line[os.write(self.file, line) :]
            except OSError:
                end_this_process()

    def progress(self) -> OnProgress:
        """Says how far a run is, at most five times a second."""
        last = -PROGRESS_SECONDS

        def on_progress(done: float, total: float) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= PROGRESS_SECONDS:
                last = now
                self.say("progress", done=float(done), total=float(total))

        return on_progress
