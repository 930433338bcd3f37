"""A home that may only be read is audited like any other: nothing is written there, and nothing is amiss."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.promises.faults.breaking import (
    database,
    journal_of,
    mounted_read_only,
    nothing_is_left_to_do,
    one_sentence,
    report_of,
    store_of,
)
from tests.support.small_homes import ROOT, clean_environment, cli, contents, copy_home

pytestmark = pytest.mark.slow
READING = (
    ("replay", "quick"),
    ("memo", "quick", "--verify"),
    ("memo", "quick", "first"),
    ("explain", "quick", "--full"),
    ("explain", "quick", "--what-if", "better.score=-1"),
    ("status",),
    ("knowledge",),
    ("graph", "quick"),
    ("check", "quick"),
    ("advance", "quick", "--dry-run"),
)
FROM_THE_JOURNAL = (("status",), ("explain", "quick", "--full"), ("memo", "quick", "first"), ("knowledge",))
AUDITS = (("replay", "quick"), ("memo", "quick", "--verify"))


def said_by(home: Path, *commands: tuple[str, ...]) -> list[tuple[int, str]]:
    """The exit code and stdout of each of these commands; none of them says anything else."""
    replies = [cli(*words, home=home) for words in commands]
    assert [reply.err for reply in replies] == [""] * len(replies)
    return [(reply.code, reply.out) for reply in replies]


def test_every_command_that_reads_says_what_it_said_before(own_home: Path) -> None:
    before, files = said_by(own_home, *READING), contents(own_home)
    assert {code for code, _ in before} == {0}
    with mounted_read_only(own_home):
        assert said_by(own_home, *READING) == before
    assert contents(own_home) == files


def test_what_writes_refuses_in_a_sentence_and_the_home_is_as_it_was(own_home: Path) -> None:
    before = report_of(own_home)
    with mounted_read_only(own_home):
        one_sentence(cli("advance", "quick", home=own_home), str(own_home), "does not allow")
        words = ("override", "quick", "second", "--verdict", "reject", "--reason", "in vain")
        one_sentence(cli(*words, home=own_home), str(own_home), "does not allow")
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


@pytest.mark.parametrize("words", [("doctor",), ("doctor", "--repair")])
def test_the_doctor_says_once_that_the_home_is_mounted_read_only(
    own_home: Path, words: tuple[str, ...]
) -> None:
    with mounted_read_only(own_home):
        reply = cli(*words, "--json", home=own_home)
    assert reply.code == 0, reply.out
    assert [(one["id"], one["warning"], one["done"]) for one in reply.json["findings"]] == [
        ("home.read_only", True, None)
    ]


def test_an_archive_is_audited_in_another_folder_than_its_runs_were_made_in(
    own_home: Path, tmp_path: Path
) -> None:
    before = said_by(own_home, *AUDITS)
    archive = own_home.rename(tmp_path / "an archive")
    with mounted_read_only(archive):
        assert said_by(archive, *AUDITS) == before
    assert cli("replay", "quick", home=archive).code == 69  # where it can be mended, it has to be


def test_an_archive_without_a_journal_is_read_from_mlflow(own_home: Path) -> None:
    before = said_by(own_home, *FROM_THE_JOURNAL)
    journal_of(own_home).unlink()
    with mounted_read_only(own_home):
        assert said_by(own_home, *FROM_THE_JOURNAL) == before


def copied_in_the_middle(path: Path, *statements: str, committed: bool) -> None:
    """Leaves a database as a process does that is killed in the middle of these statements, or after them."""
    beside = path.with_name("beside")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        for statement in ("BEGIN IMMEDIATE", *statements, *(["COMMIT"] if committed else [])):
            db.execute(statement)
        beside.mkdir()
        for file in path.parent.glob(f"{path.name}*"):
            shutil.copy(file, beside)
        if not committed:
            db.execute("ROLLBACK")
    for file in beside.iterdir():
        if not file.name.endswith("-shm"):
            file.replace(path.parent / file.name)
    shutil.rmtree(beside)


def test_an_archive_of_a_home_that_was_killed_in_the_middle_is_audited(own_home: Path) -> None:
    before = said_by(own_home, *READING)
    copied_in_the_middle(store_of(own_home), "UPDATE metrics SET value = value + 1", committed=False)
    with database(journal_of(own_home)) as db:
        db.execute("UPDATE records SET body = 'x' || body")
    copied_in_the_middle(journal_of(own_home), "UPDATE records SET body = substr(body, 2)", committed=True)
    (own_home / "mlruns" / "journal.db-shm").unlink(missing_ok=True)
    beside = {path.name for path in (own_home / "mlruns").glob("*.db-*")}
    assert beside == {"mlflow.db-journal", "journal.db-wal"}
    with mounted_read_only(own_home):
        assert said_by(own_home, *READING) == before


@pytest.fixture
def home_of_root(judged_home: Path) -> Iterator[Path]:
    """A home that all may read and only root may write, below folders that all may enter."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield copy_home(judged_home, Path(folder) / "home")


def test_who_may_not_write_in_a_home_audits_it(home_of_root: Path) -> None:
    before = said_by(home_of_root, *AUDITS)
    nobody = "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"
    for words, (code, out) in zip(AUDITS, before, strict=True):
        done = subprocess.run(
            [*nobody, sys.executable, str(ROOT / "cli.py"), "--home", str(home_of_root), *words],
            env=clean_environment(HOME="/nonexistent"),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout and sys.prefix in done.stderr and "PermissionError" in done.stderr:
            pytest.skip("another user may not read the interpreter's packages")
        assert (done.returncode, done.stdout) == (code, out), done.stderr
