"""Breaks a home in one way, and follows it through the real command line: told, found, mended, as before."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_homes import Reply, cli


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """A database, changed by hand."""
    with closing(sqlite3.connect(path)) as db, db:
        yield db


def journal_of(home: Path) -> Path:
    """The journal's file."""
    return home / "mlruns" / "journal.db"


def store_of(home: Path) -> Path:
    """MLflow's database."""
    return home / "mlruns" / "mlflow.db"


def report_of(home: Path) -> dict[str, Any]:
    """What a person is told of the program ``quick``: where it stands, and why, phase by phase."""
    status = cli("status", "quick", "--json", home=home)
    assert status.code == 0, status.err
    explained = [cli("explain", "quick", "--phase", p, "--json", home=home).json for p in ("first", "second")]
    return {"status": status.json, "explained": explained}


def runs_in(home: Path) -> set[str]:
    """The ids of the runs (no phases, no decisions) that were ever made in this home's MLflow."""
    query = "SELECT run_uuid FROM tags WHERE key = 'planner.kind' AND value = 'run'"
    with database(store_of(home)) as db:
        return {str(row[0]) for row in db.execute(query)}


def one_sentence(reply: Reply, *names: str, code: int = 69) -> None:
    """The command failed with this exit code and one line on stderr that has all these words in it."""
    assert reply.code == code, (reply.code, reply.out, reply.err)
    lines = reply.err.strip().split("\n")
    assert len(lines) == 1, reply.err
    assert "Traceback" not in reply.err
    for name in names:
        assert name in lines[0], (name, lines[0])


def found_by_doctor(home: Path, *ids: str, env: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """``doctor`` names these things, and ends with 1; its findings."""
    reply = cli("doctor", "--json", home=home, env=env)
    findings: list[dict[str, Any]] = reply.json["findings"]
    assert set(ids) <= {one["id"] for one in findings}, (ids, findings, reply.err)
    assert (reply.code, reply.json["ok"]) == (1, False), findings
    assert all(one["what"] and one["mend"] and one["done"] is None for one in findings)
    return findings


def mended_by_doctor(home: Path) -> list[dict[str, Any]]:
    """``doctor --repair`` mends everything, says of each what it did, and afterwards nothing is wrong."""
    reply = cli("doctor", "--repair", "--json", home=home)
    findings: list[dict[str, Any]] = reply.json["findings"]
    assert reply.code == 0, (findings, reply.err)
    assert all(one["done"] for one in findings if not one["warning"])
    again = cli("doctor", "--json", home=home)
    assert again.code == 0, again.out
    return findings


def nothing_is_left_to_do(home: Path) -> None:
    """The next ``advance`` makes no run."""
    before = runs_in(home)
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
    assert reply.code == 0, reply.err
    assert sum(step["runs_launched"] for step in reply.json["steps"]) == 0
    assert reply.json["state"] == "done"
    assert runs_in(home) == before


def quarantined(home: Path, ending: str) -> Path:
    """The one thing in the quarantine whose name ends so."""
    (folder,) = [p for p in (home / "mlruns" / "quarantine").iterdir() if p.name.endswith(ending)]
    return folder


@contextmanager
def not_writable(folder: Path) -> Iterator[None]:
    """A folder in which nobody may write, not even root; skips where that cannot be had."""
    if os.getuid() != 0:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", folder], check=False).returncode:
        pytest.skip("root may write everywhere here")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


@contextmanager
def mounted_read_only(folder: Path) -> Iterator[None]:
    """A folder on a file system that is mounted read-only; skips where nothing can be mounted."""
    if os.getuid() != 0 or subprocess.run(["mount", "--bind", folder, folder], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """An empty disk of that size; skips where nothing can be mounted."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
