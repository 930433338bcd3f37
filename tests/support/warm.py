"""Starts Python scripts without the seconds that an interpreter takes to import what the command line needs.

Each is forked from one parent that has imported it (``warm_parent.py``). Where the environment says what is
read while Python starts or imports, a fresh interpreter is started instead.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from planner.io.mlflow.client import _SETTINGS as MLFLOW_SETTINGS

ROOT = Path(__file__).resolve().parents[2]
READ_LATE = frozenset(
    {"DIES", "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_TRACKING_URI", "PHASEGATE_HOME", "PYTEST_CURRENT_TEST"}
)
"""Variables that nothing reads before a command is under way."""
LEADING_ELSEWHERE = ("PHASEGATE_HOME", "MLFLOW_TRACKING_URI", "NO_COLOR", "FORCE_COLOR")
LEFT_BY_IMPORTS = (
    "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK",
    "TORCHINDUCTOR_CACHE_DIR",
    "_MLFLOW_TELEMETRY_SESSION_ID",
)
"""What libraries (scikit-learn, torch, MLflow) put into the environment of whoever imports them."""
LENGTH = struct.Struct("!I")
"""How a request to the parent begins: with the length of the ``Start``, as JSON, that follows."""


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would lead the command to another home or store.

    What an import left in it is no part of it, or every process after that import would be a fresh one.
    """
    return {**_cleaned(os.environ), **more}


def _cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    left_out = (*LEADING_ELSEWHERE, *LEFT_BY_IMPORTS)
    kept = {name: value for name, value in environment.items() if name not in left_out}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true"}


BEFORE_ANY_TEST = _cleaned(os.environ)
"""What the parent starts in: the test that happens to be the first to need it may have set variables."""


@dataclass(frozen=True)
class Start:
    """How a script is to be started.

    Attributes:
        words: the script's path and its arguments.
        ignored: numbers of the signals that it starts with as ignored.
    """

    words: list[str]
    environment: dict[str, str]
    folder: str
    new_session: bool
    ignored: list[int]


class Process(Protocol):
    """What a forked process and a fresh one have in common."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class Script:
    """A running script; what it writes goes to files, so that it never waits for a reader.

    Args:
        words: the script's path and its arguments.
        output: takes both stdout and stderr; without it, ``communicate`` gives what was written.
        new_session: it leads a session and a process group of its own.
        ignored: signals that it starts with as ignored. SIGINT and SIGHUP are not, wherever these tests run.
        fresh: it is a fresh interpreter in any case.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        folder: Path = ROOT,
        output: IO[Any] | None = None,
        new_session: bool = False,
        ignored: Collection[int] = (),
        fresh: bool = False,
    ) -> None:
        self._out, self._err = (output, output) if output else (_nameless(), _nameless())
        streams = [self._out.fileno(), self._err.fileno()]
        start = Start([*words], dict(environment), str(folder), new_session, [*map(int, ignored)])
        forked = not fresh and _parent().stands_for(environment)
        self._process: Process = (_parent().fork if forked else _fresh)(start, *streams)
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, if it was seen to; negative: by which signal."""
        return self._process.returncode

    def poll(self) -> int | None:
        """How it ended, if it has."""
        return self._process.poll()

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has.

        Raises:
            subprocess.TimeoutExpired: it has not within so many seconds.
        """
        return self._process.wait(timeout)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Waits for its end; what it wrote to stdout and stderr."""
        self.wait(timeout)
        return _content(self._out), _content(self._err)

    def written(self) -> str:
        """What it has written to stderr until now."""
        return _content(self._err)

    def send_signal(self, number: int) -> None:
        """Sends it a signal unless it has ended."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kills it unless it has ended."""
        self._process.kill()


class Forked:
    """A process that the warm parent forked; the parent tells its pid and how it ends."""

    def __init__(self, words: list[str], reports: int) -> None:
        self._words = words
        self._reports = os.fdopen(reports)
        self.pid = int(self._reports.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self._words, timeout)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._reports], [], [], seconds)[0]:
            self.returncode = int(self._reports.readline())
            self._reports.close()
        return self.returncode


class Parent:
    """The warm parent, which lives as long as this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._requests, theirs = socket.socketpair()
        words = [sys.executable, "-m", "tests.support.warm_parent", str(theirs.fileno())]
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        atexit.register(self.close)

    def close(self) -> None:
        """Lets it leave."""
        self._requests.close()
        self._process.wait()

    def stands_for(self, environment: Mapping[str, str]) -> bool:
        """Whether a fresh interpreter in that environment would have come to the same state."""
        here, there = ({**MLFLOW_SETTINGS, **one} for one in (self._environment, environment))
        return all(here.get(name) == there.get(name) for name in {*here, *there} - READ_LATE)

    def fork(self, start: Start, out: int, err: int) -> Forked:
        """A process that runs the script."""
        text = json.dumps(vars(start)).encode()
        reports, report = os.pipe()
        with open(os.devnull) as nothing:
            streams = [nothing.fileno(), out, err]
            socket.send_fds(self._requests, [LENGTH.pack(len(text))], [*streams, report])
            self._requests.sendall(text)
        os.close(report)
        return Forked(start.words, reports)


@functools.cache
def _parent() -> Parent:
    return Parent(BEFORE_ANY_TEST)


def _fresh(start: Start, out: int, err: int) -> subprocess.Popen[bytes]:
    def prepare() -> None:
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for number in start.ignored:
            signal.signal(number, signal.SIG_IGN)

    return subprocess.Popen(
        [sys.executable, *start.words],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=start.environment,
        cwd=start.folder,
        start_new_session=start.new_session,
        preexec_fn=prepare,
    )


def _nameless() -> IO[bytes]:
    return tempfile.TemporaryFile()


def _content(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()
