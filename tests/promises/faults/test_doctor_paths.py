"""What the doctor does follows from what is wrong, whatever words the path of a home is made of."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from planner.io.doctor.examine import examine, is_sound
from planner.io.journal.database import SCHEMA
from planner.io.journal.journal import Journal
from planner.paths import Home
from tests.promises.faults.breaking import journal_of
from tests.support.small_homes import QUICK, add_program


def home_with_a_journal(root: Path) -> Home:
    home = Home(root)
    home.mlruns.mkdir(parents=True)
    Journal(home.journal).make()
    return home


@pytest.mark.parametrize("name", ["damaged", "a damaged disk; locked"])
def test_a_newer_versions_journal_stays_where_it_is_also_under_a_path_that_says_damaged(
    tmp_path: Path, name: str
) -> None:
    home = home_with_a_journal(tmp_path / name)
    with closing(sqlite3.connect(home.journal)) as db, db:
        db.execute("UPDATE meta SET value = '99'")
    before = home.journal.read_bytes()
    (finding,) = examine(home, repair=True)
    assert (finding.id, finding.repair, finding.done) == ("journal.unreadable", None, None)
    assert finding.what == f"the journal {home.journal} has schema 99 and this version knows {SCHEMA}"
    assert finding.mend.startswith("use the version that wrote it")
    assert home.journal.read_bytes() == before
    assert not home.quarantine.exists()


@pytest.mark.parametrize("name", ["here; there", "a home; 'phasegate' is locked"])
def test_a_broken_journal_is_mended_under_a_path_with_a_semicolon(tmp_path: Path, name: str) -> None:
    home = home_with_a_journal(tmp_path / name)
    home.journal.write_bytes(b"no database at all" * 300)
    (finding,) = examine(home)
    assert finding.id == "journal.damaged"
    assert finding.what == f"the journal {home.journal} is damaged (file is not a database)"
    (finding,) = examine(home, repair=True)
    assert finding.done is not None
    assert examine(home) == []


def test_a_broken_database_is_told_whole_under_a_path_with_a_semicolon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = home_with_a_journal(tmp_path / "here; database is locked")
    home.database.write_bytes(b"no database at all" * 300)
    findings = {finding.id: finding for finding in examine(home)}
    assert findings["store.damaged"].what.startswith(f"the MLflow database {home.database} is damaged (")


@pytest.mark.slow
def test_a_moved_home_with_a_broken_journal_is_mended_at_once(own_home: Path, tmp_path: Path) -> None:
    moved = Home(tmp_path / "elsewhere")
    shutil.copytree(own_home, moved.root)
    shutil.move(own_home, tmp_path / "as it was")
    kept = [entry.record.id for entry in Journal(moved.journal).entries("quick")]
    add_program(moved.root, QUICK.replace("program: quick", "program: never_advanced"))
    for log in moved.mlruns.glob("journal.db-*"):
        log.unlink()
    journal_of(moved.root).write_bytes(b"no database at all" * 300)
    findings = examine(moved, repair=True)
    assert is_sound(findings), findings
    assert examine(moved) == []
    assert {entry.record.id for entry in Journal(moved.journal).entries("quick")} == set(kept)
