"""One ``advance`` per program at a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from planner.errors import ProgramBusy
from planner.io.leases.program_lock import holder_of, program_lock
from planner.paths import Home

AT = "2026-01-01T00:00:00+00:00"
HOLD = """
import sys
from pathlib import Path
from planner.io.leases.program_lock import program_lock
from planner.paths import Home

with program_lock(Home(Path(sys.argv[1])), "small", "2026-01-01T00:00:00+00:00"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_holds_the_program_and_since_when(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    home = Home(tmp_path)
    noted = holder_of(home, "small")
    assert noted is not None
    assert (noted.pid, noted.since) == (holder.pid, AT)
    with (
        pytest.raises(ProgramBusy, match=f"process {holder.pid} .* since {AT[:10]}"),
        program_lock(home, "small", AT),
    ):
        pass
    with program_lock(home, "another", AT):
        assert holder_of(home, "another") is not None
    holder.communicate()
    assert holder_of(home, "small") is None
    with program_lock(home, "small", AT):
        pass


def test_the_lock_goes_with_the_process_however_it_ends(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    home = Home(tmp_path)
    holder.kill()
    holder.wait()
    assert holder_of(home, "small") is None
    with program_lock(home, "small", AT):
        assert holder_of(home, "small") is not None
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.close()
    holder.stdout.close()


def test_the_note_in_a_copied_home_is_of_who_holds_the_original(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    home, copy = Home(tmp_path), Home(tmp_path / "copy")
    shutil.copytree(home.mlruns, copy.mlruns)
    assert holder_of(home, "small") is not None
    assert holder_of(copy, "small") is None
    with program_lock(copy, "small", AT):
        pass
    holder.communicate()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "since": "", "host": ""}', "nonsense"])
def test_a_torn_note_of_the_holder_is_nobody(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path)
    note = home.lock("small").with_suffix(".json")
    note.parent.mkdir(parents=True)
    note.write_text(text)
    assert holder_of(home, "small") is None


def test_a_holder_on_another_machine_is_believed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    note = home.lock("small").with_suffix(".json")
    note.parent.mkdir(parents=True)
    note.write_text(json.dumps({"pid": 1, "since": AT, "host": "elsewhere"}))
    noted = holder_of(home, "small")
    assert noted is not None
    assert noted.host == "elsewhere"
