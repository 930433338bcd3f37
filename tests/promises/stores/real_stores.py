"""Real stores that are no file of a home: an MLflow server, and a PostgreSQL database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.ports import free_port

PATIENCE = 900.0
NO_JOBS = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Spares MLflow's server nine processes for jobs, of which there are none."""


@dataclass
class Store:
    """A store that can be killed and started again.

    Attributes:
        words: the command that serves it.
        user: who runs it; None for whoever runs the tests.
    """

    uri: str
    port: int
    words: list[str]
    log: Path
    user: str | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.words, stdout=log, stderr=log, user=self.user, start_new_session=True, env=NO_JOBS
            )
        until = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.2)

    def kill(self) -> None:
        """Kills it and all that it started, at once; none of them is left when this returns."""
        if self.process is not None and self.process.poll() is None:
            started = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            for process in started:  # PostgreSQL's lead sessions of their own
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self.process.wait()
            _, alive = psutil.wait_procs(started, timeout=PATIENCE)
            assert alive == []

    def _answers(self) -> bool:
        try:
            if self.uri.startswith("http"):
                return urllib.request.urlopen(f"{self.uri}/health", timeout=2).status == 200
            return b"ready to accept connections" in self.log.read_bytes()
        except OSError:
            return False


@contextmanager
def mlflow_server() -> Iterator[Store]:
    """An MLflow server that keeps the artifacts too."""
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        words += ["--backend-store-uri", f"sqlite:///{name}/store.db", "--workers", "1"]
        words += ["--artifacts-destination", f"{name}/artifacts"]
        store = Store(f"http://127.0.0.1:{port}", port, words, Path(name) / "log")
        try:
            store.start()
            yield store
        finally:
            store.kill()


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs; None where it is not installed."""
    initdb = shutil.which("initdb")
    folders = [Path(initdb).parent] if initdb else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@contextmanager
def postgres() -> Iterator[Store]:
    """A PostgreSQL database of its own; its server refuses to run as root, and then runs as its own user."""
    programs = postgres_programs()
    assert programs is not None
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as name:
        if user is not None:
            shutil.chown(name, user)
        port, data = free_port(), f"{name}/data"
        making = [str(programs / "initdb"), "-D", data, "-U", "tester", "-A", "trust"]
        subprocess.run(making, check=True, capture_output=True, user=user, cwd=name)
        words = [str(programs / "postgres"), "-D", data, "-p", str(port), "-k", name, "-h", "127.0.0.1"]
        uri = f"postgresql://tester:secret@127.0.0.1:{port}/postgres"
        store = Store(uri, port, words, Path(name) / "log", user)
        try:
            store.start()
            yield store
        finally:
            store.kill()


STORES = {"an MLflow server": mlflow_server, "PostgreSQL": postgres}
