"""An "experiment" that is a command of the user's own instead of a module.

In each word of the command these are replaced; there is no shell, and other braces stay as they are:

``{params}``
    path of a JSON file with the arm's parameters.
``{flags}``, as a word of its own
    the arm's parameters as words: ``--lr 0.1 --sizes "[64, 32]"`` (what is no text, as JSON).
``{params.NAME}``
    the value of one parameter, written alike.
``{seed}``, ``{fidelity}``
    the seed, and the name of the rung.
``{out}``
    a folder. There the command writes ``metrics.json`` (``{name: number}``), or appends
    ``[name, step, value]`` lines to ``metrics.jsonl`` as it goes, or both. Whatever else it writes
    there is kept as an artifact.

What it logs with MLflow by itself (``mlflow.log_metric``, autologging, callbacks) counts too: it is told the
store and the run in its environment (``MLFLOW_TRACKING_URI``, ``MLFLOW_RUN_ID``, ``MLFLOW_EXPERIMENT_ID``).

The command runs in the home folder. An exit code other than 0 ends the run as ``code_error``, 126 and
127 (which a shell gives where a program cannot be run or is not there) as ``environment``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.contract import MetricLog

POLL_SECONDS = 0.2
STDERR = 2
TAIL_BYTES = 8192
PATIENCE_SECONDS = 1.0
LONGEST_LINE = 300
STORE = "store.json"
"""Where in its folder a run finds the variables that name its place in MLflow, once that is made."""
WAITS_SECONDS = 120.0
NOT_STARTED = (126, 127)
"""Exit codes by which a shell says that a program cannot be run, or is not there."""
# Taken before the worker limits the threads of its own libraries: a command decides that for itself.
_ENVIRONMENT = dict(os.environ)


class CommandFailed(Exception):
    """The command ended with an exit code other than 0, or reported nothing that can be read.

    Args:
        not_started: it did not begin: a shell says so with exit code 126 or 127.
    """

    def __init__(self, text: str, not_started: bool = False) -> None:
        self.not_started = not_started
        super().__init__(text)


def describe(argv: Sequence[str], params: Mapping[str, Any]) -> dict[str, Any]:
    """What can be said of a command before it runs, in the shape of a description.

    A command does not tell what data it reads. Its data are therefore named "given by the command",
    and their digest is that of ``command:`` followed by the words of the command as JSON: a command
    that is edited in the program counts as other data, a file that it reads and that changes does not.
    """
    text = "command:" + json.dumps(list(argv), ensure_ascii=False)
    return {
        "config": dict(params),
        "data_name": "given by the command",
        "data_digest": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def run(
    argv: Sequence[str],
    params: Mapping[str, Any],
    fidelity: str,
    seed: int,
    log: MetricLog,
    awaits_store: bool = False,
) -> None:
    """Runs the command to its end; what it reports goes to ``log`` while it runs.

    Args:
        awaits_store: it begins when it is known where it may log with MLflow, and need then report nothing.

    Raises:
        CommandFailed: see there. The caller ends the run as ``code_error`` or ``environment``.
        OSError: the program that the command names cannot be started.
    """
    out = log.artifact("metrics.json").parent
    for name in ("metrics.json", "metrics.jsonl"):  # an interrupted attempt's are in the log already
        (out / name).unlink(missing_ok=True)
    given = log.folder / "params.json"
    given.write_text(json.dumps(dict(params)), encoding="utf-8")
    substitutions = {"params": given, "seed": seed, "fidelity": fidelity, "out": out}
    substitutions |= {f"params.{name}": _as_word(value) for name, value in params.items()}
    reported = _Reported(out, log)
    words = [filled for word in argv for filled in _filled(word, substitutions, params)]
    environment = _ENVIRONMENT | (_variables_of_store(log.folder / STORE) if awaits_store else {})
    said = _LastLine()
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=said.write, env=environment) as process:
        said.follow()
        try:
            code = _followed(process, reported)
        except BaseException:
            process.kill()
            raise
    if code:
        line = said.text()
        raise CommandFailed(
            f"the command ended with {_exit_named(code)}{line and ': '}{line}", code in NOT_STARTED
        )
    reported.finish(may_be_silent=awaits_store)


def _variables_of_store(path: Path) -> dict[str, str]:
    """What names the run's place in MLflow, once its planner has made it."""
    until = time.monotonic() + WAITS_SECONDS
    while not path.is_file():
        if time.monotonic() > until:
            raise CommandFailed("nobody said where in MLflow its run is", not_started=True)
        time.sleep(0.01)
    variables: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return variables


class _LastLine:
    """Passes on what a command writes to stderr, and knows its last line."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        self._tail = b""
        self._thread = threading.Thread(target=self._pass_on, daemon=True)

    def follow(self) -> None:
        """Begins once the command holds the writing end."""
        os.close(self.write)
        self._thread.start()

    def text(self) -> str:
        """The last line that is not empty, once the command has ended; empty where it wrote none."""
        self._thread.join(PATIENCE_SECONDS)  # what it has started may hold the pipe for longer
        lines = [" ".join(line.split()) for line in self._tail.decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "")[:LONGEST_LINE]

    def _pass_on(self) -> None:
        with os.fdopen(self._read, "rb", buffering=0) as said:
            while piece := said.read(TAIL_BYTES):
                self._tail = (self._tail + piece)[-TAIL_BYTES:]
                with contextlib.suppress(OSError):
                    os.write(STDERR, piece)


def _filled(word: str, substitutions: Mapping[str, object], params: Mapping[str, Any]) -> list[str]:
    """A word of the command as the words that are run."""
    if word == "{flags}":
        return [part for name, value in params.items() for part in (f"--{name}", _as_word(value))]
    for name, value in substitutions.items():
        word = word.replace("{" + name + "}", str(value))
    return [word]


def _as_word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _exit_named(code: int) -> str:
    with contextlib.suppress(ValueError):
        if code < 0:
            return signal.Signals(-code).name
    return f"exit code {code}"


def _followed(process: subprocess.Popen[bytes], reported: _Reported) -> int:
    while True:
        try:
            code = process.wait(timeout=POLL_SECONDS)
        except subprocess.TimeoutExpired:
            reported.forward()
            continue
        reported.forward()
        return code


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, unless it says two things under one name."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is there twice")
    return values


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{json.dumps(value)} is no number")
    return value


class _Reported:
    """What a command has written of its metrics, forwarded to the log once each."""

    def __init__(self, out: Path, log: MetricLog) -> None:
        self._out = out
        self._log = log
        self._offset = 0
        self._lines = 0

    def forward(self) -> None:
        """Forwards the lines that are complete."""
        path = self._out / "metrics.jsonl"
        if not path.is_file():
            return
        with path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._line(line)

    def finish(self, may_be_silent: bool) -> None:
        """Forwards ``metrics.json``, once the command has ended well."""
        path = self._out / "metrics.json"
        if path.is_file():
            try:
                values = json.loads(path.read_bytes(), object_pairs_hook=_each_once)
                self._log.metrics({name: _number(value) for name, value in values.items()})
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                raise CommandFailed(f"metrics.json is not {{name: number}}: {error}") from error
        elif not self._lines and not may_be_silent:
            raise CommandFailed("the command wrote neither metrics.json nor metrics.jsonl in {out}")

    def _line(self, line: bytes) -> None:
        self._lines += 1
        try:
            name, step, value = json.loads(line)
            self._log.metric(name, _number(value), step)
        except (ValueError, TypeError, RecursionError) as error:
            text = f"line {self._lines} of metrics.jsonl is not [name, step, value]: {error}"
            raise CommandFailed(text) from error
