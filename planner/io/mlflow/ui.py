"""Opens the MLflow UI."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable

from planner.errors import UsageError
from planner.io.mlflow.client import connect, database_of, pages
from planner.io.mlflow.home_store import store_uri
from planner.paths import Home

_AS_TRAINING = "workflowType=machine_learning"
"""MLflow's pages open in a view for language models unless the address says otherwise."""
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PYTHONWARNINGS": "ignore",
    "UVICORN_ACCESS_LOG": "0",
}


def serve(home: Home, port: int, say: Callable[[str], None]) -> None:
    """Serves the MLflow UI on 127.0.0.1 until it is stopped.

    Raises:
        UsageError: the store is a server of its own, which has its own page; or the port is in use.
        StoreUnavailable: the store cannot be opened.

    Side effects: makes the store where there is none yet; runs a server.
    """
    uri = store_uri(home)
    if uri.startswith(("http://", "https://")):
        raise UsageError(f"this home's store is a server: open {uri} in a browser")
    _refuse_used(port)
    experiments = list(pages(connect(home).search_experiments))
    say(f"MLflow is at http://127.0.0.1:{port} (Ctrl-C ends it)")
    for name, number in sorted((e.name, e.experiment_id) for e in experiments if e.name != "Default"):
        say(f"  {name}: http://127.0.0.1:{port}/#/experiments/{number}/runs?{_AS_TRAINING}")
    words = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    words += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--uvicorn-opts", "--log-level warning"]
    if database_of(uri) is not None:
        words += ["--default-artifact-root", home.artifacts.resolve().as_uri()]
    server = subprocess.Popen(words, env={**os.environ, **_QUIET})
    try:
        code = server.wait()
    except KeyboardInterrupt:
        return
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()
    if code:
        raise UsageError(f"the MLflow server ended with code {code}")


def _refuse_used(port: int) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(
                f"port {port} cannot be used: {error.strerror}", "name another with --port"
            ) from None
