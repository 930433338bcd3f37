"""The homes that are damaged: made once, and copied to one place again and again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from tests.support.small_homes import QUICK, ROOT, WAITS, cli, log_reference, make_home

KINDS = ("quick", "shipped")
CANARIES = ("beside", "here")
BESIDE = "nobody may touch this\n"


class Homes:
    """Templates, and the place where a copy of one is put.

    Everything of a case lies in ``root``: the ``home``, a ``beside`` that must stay as it is, and the
    ``here`` in which the commands run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "place"
        self.home = self.root / "home"

    def make(self, kinds: Sequence[str] = KINDS) -> None:
        """Makes the templates with the real command line; takes about half a minute."""
        for kind in kinds:
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.mkdir(parents=True)
            {"quick": _quick, "shipped": _shipped}[kind](self.home)
            _checkpoint(self.home / "mlruns" / "journal.db")
            _checkpoint(self.home / "mlruns" / "mlflow.db")
            self.home.rename(self.folder / kind)

    def put(self, kind: str) -> Path:
        """A fresh copy of a template, and what lies around it."""
        return self.put_folder(self.folder / kind)

    def put_folder(self, source: Path, made_at: str | None = None) -> Path:
        """A copy of any home; where it was made at another place, its stores are told of this one."""
        shutil.rmtree(self.root, ignore_errors=True)
        for name in CANARIES:
            (self.root / name).mkdir(parents=True)
            (self.root / name / "canary.txt").write_text(BESIDE)
        shutil.copytree(source, self.home, symlinks=True)
        if made_at is not None and made_at != str(self.home):
            _move(self.home, made_at)
        return self.home

    def touched(self) -> list[str]:
        """What was written outside the home, or in it where only people write."""
        faults = []
        for path in sorted(self.root.rglob("*")):
            top, *inner = path.relative_to(self.root).parts
            if top == "home":
                # A shell would have made that file; a name that is the whole command was asked for by --out.
                made = path.name == "owned" and "mlruns" not in inner
            else:
                made = top not in CANARIES or bool(inner) and not _is_canary(path)
            if made:
                faults.append(f"{path} was written")
        gone = [name for name in CANARIES if not (self.root / name / "canary.txt").exists()]
        return [*faults, *(f"the canary {name} is gone" for name in gone)]


def _is_canary(path: Path) -> bool:
    return path.name == "canary.txt" and path.read_text() == BESIDE


def _move(home: Path, made_at: str) -> None:
    places = {
        "mlflow.db": {"experiments": "artifact_location", "runs": "artifact_uri"},
        "journal.db": {"work": "folder"},
    }
    for name, columns in places.items():
        with suppress(sqlite3.Error), closing(sqlite3.connect(home / "mlruns" / name)) as db, db:
            for table, column in columns.items():
                db.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (made_at, str(home)))


def _quick(home: Path) -> None:
    make_home(home, QUICK, WAITS)
    _run(home, "advance", "quick", "--all", "--jobs", "1")
    _run(home, "advance", "waits", "--all", "--jobs", "1")
    _run(home, "override", "waits", "first", "--choose", "costly", "--reason", "worth it", "--by", "someone")


def _shipped(home: Path) -> None:
    make_home(home)
    shutil.rmtree(home / "experiments")
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "experiments", home / "experiments", ignore=leave)
    for folder in (ROOT / "tests" / "programs", ROOT / "knowledge" / "programs"):
        for file in folder.glob("*.yaml"):
            shutil.copy(file, home / "knowledge" / "programs")
    log_reference(home, "phase_6a", "samebatch")
    _run(home, "advance", "credit_linesearch", "--no-run", "--all")


def _run(home: Path, *words: str) -> None:
    reply = cli(*words, home=home)
    if reply.code:
        raise RuntimeError(f"the template cannot be made: {' '.join(words)}: {reply.err or reply.out}")


def _checkpoint(database: Path) -> None:
    """One file instead of three, so that a copy is whole and its damage is felt."""
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
