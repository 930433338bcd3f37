"""The command line, killed at a named point: ``dying.py [OPTIONS] HOME WORDS...``.

Every call of the real stores that writes is announced before and after it happens, under a name that says
inside of what it happens (``launch > runs.start > mlflow.create_run``). At the N-th announcement of POINT
(``before NAME`` or ``after NAME``) the process sends itself SIGKILL. Without it, names are listed.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
READING = frozenset(
    ("all_described", "copies", "described", "entries", "exists", "experiment", "imported_late", "in_mlflow")
    + ("in_progress", "held", "load", "memo", "repeats", "snapshot", "work")
    + ("beat",)
)
"""Methods of the stores that write nothing, or (``beat``) at no step; every other one is announced."""
CLIENT_WRITES = ("create_", "log_", "set_", "update_", "delete_", "restore_", "rename_")
Detail = Callable[[tuple[Any, ...], dict[str, Any]], str]


class Points:
    """Announces what is about to happen and what has; at one of these points the process dies."""

    def __init__(
        self, at: str | None, nth: int, listing: Path | None, wait: Callable[[], None] = lambda: None
    ) -> None:
        self._at, self._left, self._listing, self._wait = at, nth, listing, wait
        self._inside = threading.local()

    def tell(self, point: str) -> None:
        """One announcement."""
        if self._listing is not None:
            with self._listing.open("a") as file:
                file.write(point + "\n")
        if point == self._at:
            self._left -= 1
            if self._left == 0:
                self._wait()
                os.kill(os.getpid(), signal.SIGKILL)

    @property
    def stack(self) -> list[str]:
        """What this thread is inside of, outermost first."""
        if not hasattr(self._inside, "stack"):
            self._inside.stack = []
        announced: list[str] = self._inside.stack
        return announced

    @contextmanager
    def within(self, name: str, announced: bool = True) -> Iterator[None]:
        """Announces what happens around the body, and names what happens inside of it after it."""
        full = " > ".join([*self.stack, name])
        if announced:
            self.tell(f"before {full}")
        self.stack.append(name)
        try:
            yield
        finally:
            self.stack.pop()
        if announced:
            self.tell(f"after {full}")

    def wrap(
        self, owner: Any, method: str, name: str, detail: Detail | None = None, announced: bool = True
    ) -> None:
        """Has a method announce itself; calls that it makes of its own kind are its own affair."""
        real = getattr(owner, method)
        kind = name.partition(".")[0]

        @functools.wraps(real)
        def call(*args: Any, **more: Any) -> Any:
            if self.stack and kind in ("mlflow", "file") and self.stack[-1].startswith(f"{kind}."):
                return real(*args, **more)
            with self.within(f"{name}({detail(args, more)})" if detail else name, announced):
                return real(*args, **more)

        setattr(owner, method, call)
        if isinstance(owner, ModuleType):  # others may have imported the function by its name
            for module in list(sys.modules.values()):
                if getattr(module, method, None) is real:
                    setattr(module, method, call)


def until_all_results_are_there(home: Path, patience: float = 60.0) -> None:
    """Until every run that was begun has left its result: its worker needs nobody for that."""
    runs = list((home / "mlruns" / "work").glob("[!.]*/*/"))
    end = time.monotonic() + patience
    while not all((folder / "result.json").exists() for folder in runs) and time.monotonic() < end:
        time.sleep(0.01)


def public(cls: type) -> list[str]:
    """The methods of a store's class that may write."""
    return [
        n
        for n, member in vars(cls).items()
        if not n.startswith("_") and callable(member) and n not in READING
    ]


def watch_stores(points: Points) -> None:
    """Announces the writing methods of journal, runs, records and memos."""
    from planner.io.journal.journal import Journal
    from planner.io.pictures import memo_files
    from planner.io.store.record_store import MlflowRecords
    from planner.io.store.run_store import MlflowRuns
    from planner.records.journal_entry import kind_of

    details: dict[str, Detail] = {
        "add": lambda args, _: kind_of(args[1]),
        "update_work": lambda _, more: str(more.get("state", ", ".join(sorted(more)))),
    }
    stores = {"journal": Journal, "runs": MlflowRuns, "records": MlflowRecords, "memos": memo_files.MemoFiles}
    for name, cls in stores.items():
        for method in public(cls):
            points.wrap(cls, method, f"{name}.{method}", details.get(method))


def watch_client(points: Points) -> None:
    """Announces what is written to MLflow, and the tables that a new store makes."""
    from mlflow import MlflowClient
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def detail_of(method: str) -> Detail | None:
        if method == "log_batch":
            return lambda _, more: ", ".join(k for k in ("metrics", "params", "tags") if more.get(k))
        if method in ("set_tag", "log_text", "log_artifact"):
            index = {"set_tag": 2, "log_text": 3, "log_artifact": 3}[method]
            return lambda args, _: str(args[index])
        return None

    for method in [name for name in dir(MlflowClient) if name.startswith(CLIENT_WRITES)]:
        points.wrap(MlflowClient, method, f"mlflow.{method}", detail_of(method))

    @event.listens_for(Engine, "before_cursor_execute")
    def _(_1: Any, _2: Any, statement: str, *_rest: Any) -> None:
        words = statement.split()
        if words[:2] == ["CREATE", "TABLE"]:
            points.tell(f"before table {words[2]}")


def watch_files(points: Points, home: Path) -> None:
    """Announces renames and removals below the home, and the journal's own commits."""
    kept_rename, kept_remove = Path.replace, shutil.rmtree

    def kind(path: Any) -> str | None:
        full = Path(path).absolute()
        if full.parent == home / "mlruns":
            return "store"
        for name, folder in (("memo", home / "knowledge" / "memos"), ("work", home / "mlruns" / "work")):
            if folder in (full, *full.parents):
                return "figure" if full.suffix == ".png" else name
        return None

    def rename(self: Path, target: Any) -> Any:
        if (sort := kind(target)) is None:
            return kept_rename(self, target)
        with points.within(f"file.rename({sort})"):
            return kept_rename(self, target)

    def remove(path: Any, *args: Any, **more: Any) -> None:
        if kind(path) is None:
            kept_remove(path, *args, **more)
            return
        with points.within("file.remove"):
            kept_remove(path, *args, **more)

    Path.replace, shutil.rmtree = rename, remove  # type: ignore[method-assign, assignment]

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            word = sql.split()[0].upper()
            if word in ("COMMIT", "CREATE"):
                points.tell(f"before {' > '.join([*points.stack, f'sqlite.{word.lower()}'])}")
            return super().execute(sql, *args)

        def executescript(self, sql: str) -> sqlite3.Cursor:
            points.tell(f"before {' > '.join([*points.stack, 'sqlite.create'])}")
            return super().executescript(sql)

    sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)  # type: ignore[assignment]


def watch_work(points: Points) -> None:
    """Names the stretches of an advance, and announces jobs as they are given to workers."""
    from planner.io.commands import person as people
    from planner.io.commands.session import Session
    from planner.io.leases.reaper import Reaper
    from planner.io.sync import sync
    from planner.io.workers.worker_process import WorkerProcess

    for method in ("launch", "repeat", "record", "approve"):
        points.wrap(Session, method, method, announced=False)
    points.wrap(Reaper, "settle", "settle", announced=False)
    for function in ("rebuild", "import_records", "mirror_pending"):
        points.wrap(sync, function, function, announced=False)
    points.wrap(people, "write_down", "write_down", announced=False)
    points.wrap(WorkerProcess, "send", "worker.send", lambda args, _: str(args[1]["request"]))


def main() -> None:
    """Runs the real command line with every write announced."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--at")
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--after-results", action="store_true")
    parser.add_argument("--list", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    home = given.home.resolve()
    wait = functools.partial(until_all_results_are_there, home) if given.after_results else lambda: None
    points = Points(given.at, given.nth, given.list, wait)
    for watch in (watch_stores, watch_client, watch_work):
        watch(points)
    watch_files(points, home)
    import cli

    sys.argv = ["cli.py", "--home", str(home), *given.words]
    cli.main()


if __name__ == "__main__":
    main()
