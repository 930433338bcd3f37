"""A disk that is full, folders that may not be written, and what ended processes left behind."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from planner.io.journal.journal import Journal
from planner.io.leases.program_lock import program_lock
from planner.paths import Home
from tests.promises.faults.breaking import (
    database,
    found_by_doctor,
    journal_of,
    mended_by_doctor,
    not_writable,
    nothing_is_left_to_do,
    one_sentence,
    quarantined,
    report_of,
    small_disk,
    store_of,
)
from tests.support.small_homes import QUICK, ROOT, Reply, clean_environment, cli, make_home

# --- no room ---------------------------------------------------------------------------------------


def advance_with_files_of_at_most(size: int, home: Path) -> Reply:
    words = [
        sys.executable,
        str(ROOT / "cli.py"),
        "--home",
        str(home),
        "advance",
        "quick",
        "--all",
        "--jobs",
        "1",
    ]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        timeout=900,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)),
    )
    return Reply(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_same_command_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "a disk", "5m") as disk:
        home = make_home(disk / "a home", QUICK)
        filler, ends = disk / "filler", []
        for room in (40, 900, 1300, 1400):  # KiB: no room for the store, for the journal, for runs, for memos
            filler.write_bytes(b"")
            free = shutil.disk_usage(disk).free
            filler.write_bytes(b"x" * max(free - room * 1024, 0))
            reply = cli("advance", "quick", "--all", "--jobs", "1", home=home)
            ends.append(reply.code)
            if reply.code:
                one_sentence_at_the_end(reply, "full")
        assert 69 in ends
        reply = cli("doctor", "--json", home=home)
        assert "disk.nearly_full" in {one["id"] for one in reply.json["findings"]}
        filler.unlink()
        after = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
        assert after.code == 0, after.err
        nothing_is_left_to_do(home)
        assert outcomes(home) <= {"ok", "lost"}, "a full disk is no result of a run"
        assert cli("doctor", "--repair", home=home).code == 0


def outcomes(home: Path) -> set[str]:
    query = (
        "SELECT DISTINCT a.value FROM tags a JOIN tags b USING (run_uuid) WHERE a.key = 'planner.outcome' "
        "AND b.key = 'planner.kind' AND b.value = 'run'"
    )
    with database(store_of(home)) as db:
        return {str(row[0]) for row in db.execute(query)}


def one_sentence_at_the_end(reply: Reply, *names: str) -> None:
    """The last line on stderr, after what was told of runs, says it; no traceback anywhere."""
    assert reply.code == 69, (reply.code, reply.out, reply.err)
    assert "Traceback" not in reply.err, reply.err
    for name in names:
        assert name in reply.err.strip().split("\n")[-1], reply.err


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("size", [600_000, 20_000])
def test_files_that_may_not_grow_are_told_and_nothing_is_lost(
    fresh_home: Callable[..., Path], size: int
) -> None:
    home = fresh_home(QUICK)
    one_sentence_at_the_end(advance_with_files_of_at_most(size, home), str(home), "full")
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
    assert reply.code == 0, reply.err
    nothing_is_left_to_do(home)


# --- not allowed -----------------------------------------------------------------------------------


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("folder", ["mlruns", "mlruns/locks", "knowledge/memos/quick"])
def test_a_folder_that_may_not_be_written_is_named(own_home: Path, folder: str) -> None:
    before = report_of(own_home)
    if "memos" in folder:
        shutil.copy(own_home / folder / "first.md", own_home / "kept.md")
        (own_home / folder / "first.md").unlink()
    if "locks" in folder:
        shutil.rmtree(own_home / folder)
        (own_home / folder).mkdir()
    with not_writable(own_home / folder):
        if "memos" not in folder:
            one_sentence(cli("advance", "quick", home=own_home), folder, "does not allow")
        assert report_of(own_home) == before
        found_by_doctor(own_home, "folder.refused" if "memos" not in folder else "memo.missing")
        assert cli("doctor", "--repair", home=own_home).code == 1
    mended_by_doctor(own_home)
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


# --- left behind -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_ended_processes_left_is_moved_away_and_nothing_of_it_is_deleted(own_home: Path) -> None:
    before = report_of(own_home)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    memos = own_home / "knowledge" / "memos" / "quick"
    with database(journal_of(own_home)) as db:
        (fingerprint,) = db.execute("SELECT fingerprint FROM work LIMIT 1").fetchone()
    folder = own_home / "mlruns" / "work" / "quick" / str(fingerprint)
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("half")
    (memos / f".first.md.{gone.pid}").write_text("half a memo")
    note = own_home / "mlruns" / "locks" / "quick.json"
    since = "2026-01-01T00:00:00+00:00"
    note.write_text(json.dumps({"pid": gone.pid, "since": since, "host": socket.gethostname()}))
    found_by_doctor(own_home, "lock.stale_note", "file.half_written", "work.leftover")
    mended_by_doctor(own_home)
    assert not note.exists()
    assert quarantined(own_home, f".first.md.{gone.pid}").read_text() == "half a memo"
    assert (quarantined(own_home, str(fingerprint)) / "metrics.jsonl").read_text() == "half"
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("how", ["leased", "leased where the home was before", "unknown to the journal"])
def test_a_finished_result_that_nobody_recorded_is_adopted(own_home: Path, how: str) -> None:
    """As after a kill between a run's result and its outcome; the journal may have been rebuilt since."""
    in_journal = how.startswith("leased")
    before = report_of(own_home)
    with database(journal_of(own_home)) as db:
        row = db.execute("SELECT fingerprint, mlflow_run, seconds FROM work LIMIT 1").fetchone()
        fingerprint, run, seconds = str(row[0]), str(row[1]), float(row[2])
        if in_journal:
            words = "UPDATE work SET state = 'started', outcome = NULL, pid = 999999999 WHERE fingerprint = ?"
            db.execute(words, (fingerprint,))
        else:
            db.execute("DELETE FROM work WHERE fingerprint = ?", (fingerprint,))
    with database(store_of(own_home)) as db:
        db.execute("UPDATE runs SET status = 'RUNNING', end_time = NULL WHERE run_uuid = ?", (run,))
        db.execute("DELETE FROM tags WHERE run_uuid = ? AND key = 'planner.outcome'", (run,))
    folder = Home(own_home).run_folder("quick", fingerprint)
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("")
    result = {"outcome": "ok", "reason": "", "seconds": seconds, "device": "cpu"}
    (folder / "result.json").write_text(json.dumps(result))
    if in_journal:
        noted = folder if how == "leased" else Path("/where/it/was") / folder.relative_to(own_home)
        with database(journal_of(own_home)) as db:
            db.execute("UPDATE work SET folder = ? WHERE fingerprint = ?", (str(noted), fingerprint))
    found_by_doctor(own_home, "run.unrecorded" if in_journal else "run.orphan")
    mended_by_doctor(own_home)
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("how", ["gone", "edited"])
def test_a_memo_that_is_gone_or_edited_is_written_again_from_its_page(own_home: Path, how: str) -> None:
    path = own_home / "knowledge" / "memos" / "quick" / "first.md"
    figures = sorted(path.parent.glob("figures/first*"))
    text = path.read_text()
    if how == "gone":
        for gone in (path, *figures):
            gone.unlink()
    else:
        path.write_text(text.replace("FAIL", "PASS"))
    found_by_doctor(own_home, "memo.missing" if how == "gone" else "memo.differs")
    mended_by_doctor(own_home)
    assert path.read_text() == text
    assert all(figure.exists() for figure in figures)
    if how == "edited":
        assert "PASS" in quarantined(own_home, "first.md").read_text()


@pytest.mark.slow
def test_a_program_that_is_being_advanced_is_left_alone_and_said_to_be(own_home: Path) -> None:
    memo = own_home / "knowledge" / "memos" / "quick" / "first.md"
    memo.unlink()
    with program_lock(Home(own_home), "quick", "2026-01-01T00:00:00+00:00"):
        for words in (("doctor", "--json"), ("doctor", "--repair", "--json")):
            (finding,) = cli(*words, home=own_home).json["findings"]
            assert finding["id"] == "program.busy"
            assert f"process {os.getpid()}" in finding["what"]
    assert not memo.exists()


def test_a_program_that_does_not_load_is_named_and_hides_nothing_else(own_home: Path) -> None:
    (own_home / "knowledge" / "programs" / "broken.yaml").write_text("program: broken\n")
    (own_home / "knowledge" / "memos" / "quick" / "first.md").unlink()
    findings = found_by_doctor(own_home, "program.malformed", "memo.missing")
    assert any("check broken" in one["mend"] for one in findings)


def test_a_sound_home_has_nothing_to_mend_and_is_not_touched(own_home: Path) -> None:
    journal = Journal(own_home / "mlruns" / "journal.db")
    before = journal.path.read_bytes()
    reply = cli("doctor", home=own_home)
    assert (reply.code, reply.out, reply.err) == (0, "nothing to mend\n", "")
    assert cli("doctor", "--repair", home=own_home).out == "nothing to mend\n"
    assert journal.path.read_bytes() == before
    assert not (own_home / "mlruns" / "quarantine").exists()


def test_a_home_in_which_nothing_was_ever_run_is_sound(fresh_home: Callable[..., Path]) -> None:
    home = fresh_home(QUICK)
    assert cli("doctor", home=home).out == "nothing to mend\n"
    assert not (home / "mlruns").exists()


def test_what_doctor_says_of_a_hostile_program_is_no_command_to_a_terminal(own_home: Path) -> None:
    programs = own_home / "knowledge" / "programs"
    text = (programs / "quick.yaml").read_text().replace("program: quick", "program: bad")
    (programs / "bad.yaml").write_text(text.replace("{spread: 0.1}", '{"\\0- \\e[2J": 0.1}'))
    reply = cli("doctor", home=own_home)
    assert reply.code == 1
    assert "bad.yaml" in reply.out
    assert not {"\x00", "\x1b"} & {*reply.out, *reply.err}
