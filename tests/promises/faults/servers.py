"""Servers that stand where an MLflow server should: they fail, hang, or fail for one page of a search."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any]]
EXPERIMENT = {
    "experiment_id": "1",
    "name": "quick",
    "lifecycle_stage": "active",
    "artifact_location": "file:///none",
}


@contextmanager
def answering(answer: Callable[[str, dict[str, Any]], Answer]) -> Iterator[str]:
    """A server that answers each request as ``answer(path, body)`` says; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, reply = answer(self.path, json.loads(body or b"{}"))
            data = json.dumps(reply).encode()
            try:
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass  # whoever asked has gone

        do_GET = do_POST = do_PATCH = _reply

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def failing(_: str, __: dict[str, Any]) -> Answer:
    """An error inside the server, whatever is asked."""
    return 500, {"error_code": "INTERNAL_ERROR", "message": "the disk of the server is full"}


def hanging(seconds: float) -> Callable[[str, dict[str, Any]], Answer]:
    """An answer that comes too late."""

    def answer(_: str, __: dict[str, Any]) -> Answer:
        time.sleep(seconds)
        return 200, {}

    return answer


def failing_on_the_second_page(path: str, body: dict[str, Any]) -> Answer:
    """A store with an experiment of which the second page of runs cannot be read."""
    if "experiments/get-by-name" in path:
        return 200, {"experiment": EXPERIMENT}
    if "experiments/search" in path:
        return 200, {"experiments": [EXPERIMENT]}
    if "runs/search" in path and not body.get("page_token"):
        return 200, {"runs": [], "next_page_token": "more"}
    if "runs/search" in path:
        return failing(path, body)
    return 200, {}


def failing_once() -> Callable[[str, dict[str, Any]], Answer]:
    """A store without runs, which fails the first time it is asked."""
    requests: list[str] = []

    def answer(path: str, body: dict[str, Any]) -> Answer:
        requests.append(path)
        if len(requests) == 1:
            return failing(path, body)
        return 200, {"experiments": [EXPERIMENT]} if "experiments/search" in path else {
            "experiment": EXPERIMENT
        }

    return answer
