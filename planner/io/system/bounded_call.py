"""A command of somebody else's, called with a limit of time."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


def call(
    words: Sequence[str], given: str, environment: Mapping[str, str], folder: Path, seconds: float
) -> str:
    """Runs a command to its end, or for so long; what went wrong, empty where nothing did.

    Args:
        given: what it reads on stdin.
        environment: variables that it has beside those of this process.

    Side effects: those of the command, which leads a process group of its own and is killed with it when
        its time is over. What it writes to stdout is not kept.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(given.encode("utf-8", "replace"))
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                list(words),
                cwd=folder,
                env={**os.environ, **environment},
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"'{words[0]}' cannot be run: {getattr(error, 'strerror', None) or error}"
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"'{words[0]}' took longer than {seconds:g} s and was ended"
        finally:
            _end(process)
        stderr.seek(0)
        lines = stderr.read().decode(errors="replace").strip().splitlines()
    return f"'{words[0]}' ended with {code}" + (f": {lines[-1]}" if lines else "") if code else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kills a process that has not ended, with its group."""
    if process.poll() is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
