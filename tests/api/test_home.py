"""A home opened for reading says what the commands say, and is left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import planner
from planner.io.journal.journal import Journal
from planner.paths import Home
from planner.testing import MemoryHome
from tests.support.small_homes import QUICK, WAITS, add_program, cli_here, contents, make_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose program ``quick`` is done, in its journal alone; ``waits`` was not begun."""
    folder = make_home(tmp_path / "a home", QUICK, WAITS)
    (folder / "experiments" / "quick.py").unlink()  # nothing is to be run, and no code has changed
    write_records(Home(folder))
    return folder


def write_records(home: Home) -> None:
    """Walks the program in memory and writes down what came of it."""
    shifts = {"base": 0.0, "worse": -1.0, "better": 1.0}
    program = planner.load_program(home.program("quick"))
    walked = MemoryHome(program, lambda run: {"score": shifts[run.arm] * (1 + run.seed / 1000)})
    walked.advance()
    home.mlruns.mkdir()
    journal = Journal(home.journal)
    for step in walked.plan().steps:
        journal.add(step.verdict, "2026-01-01T00:00:00+00:00")
        journal.add(step.decision, "2026-01-01T00:00:01+00:00")


def test_reports_say_what_the_commands_print(home: Path) -> None:
    opened = planner.open_home(home)
    assert opened.programs() == ["quick", "waits"]
    assert f"{opened.status()}\n" == cli_here("status", home=home).out
    assert opened.status("quick").data == cli_here("status", "quick", "--json", home=home).json
    assert f"{opened.explain('quick')}\n" == cli_here("explain", "quick", home=home).out
    assert (
        f"{opened.explain('quick', 'first', full=True)}\n"
        == cli_here("explain", "quick", "--phase", "first", "--full", home=home).out
    )
    why = cli_here("explain", "quick", "--phase", "first", "--why-not", "repeat", home=home)
    assert f"{opened.why_not('quick', 'repeat', 'first')}\n" == why.out
    assert opened.memo("quick", "first") == cli_here("memo", "quick", "first", home=home).out


def test_records_come_by_phase(home: Path) -> None:
    opened = planner.open_home(home)
    outcomes = {phase: verdict.outcome for phase, verdict in opened.verdicts("quick").items()}
    assert outcomes == {"first": "fail", "second": "pass"}
    assert opened.decisions("quick")["first"].choice == "turn_round"
    assert opened.overrides("quick") == []
    assert opened.verdicts("waits") == {}
    decision = opened.decisions("quick")["first"]
    assert opened.explain("quick", decision=decision.id[:8])["decision_id"] == decision.id


def test_a_program_is_checked_and_calibrated_with_the_noise_of_its_runs(home: Path) -> None:
    opened = planner.open_home(home)
    assert all(finding.severity == "warning" for finding in opened.check("quick"))
    assert opened.calibrate("quick", repetitions=2)["noise"]["score"]["source"] == "measured"


def test_reading_leaves_a_home_as_it_is(home: Path) -> None:
    before = contents(home)
    opened = planner.open_home(home)
    opened.status()
    opened.explain("quick")
    opened._repr_html_()
    assert contents(home) == before


def test_a_home_shows_its_programs_in_a_notebook(home: Path) -> None:
    page = planner.open_home(home)._repr_html_()
    assert "<td>quick</td><td>done</td><td>Is a larger shift better?</td>" in page
    assert "<td>waits</td><td>ready</td>" in page


def test_what_is_not_there_is_said_with_what_is(home: Path, tmp_path: Path) -> None:
    opened = planner.open_home(home)
    with pytest.raises(planner.UsageError, match="no program 'quik'; did you mean 'quick'"):
        opened.status("quik")
    with pytest.raises(planner.UsageError, match="quick has no phase 'fist'; it has first, second, third"):
        opened.explain("quick", "fist")
    with pytest.raises(planner.UsageError, match="has no knowledge/programs; 'phasegate init"):
        planner.open_home(tmp_path)


def test_a_malformed_program_is_an_error_with_file_and_line(home: Path) -> None:
    add_program(home, "program: broken\nquestion: [")
    with pytest.raises(planner.ProgramError, match=r"broken\.yaml:3: question: cannot be read"):
        planner.open_home(home).program("broken")
    assert "quick: done" in str(planner.open_home(home).status())
    assert "broken.yaml:3" in str(planner.open_home(home).status())
    assert "<td>quick</td>" in planner.open_home(home)._repr_html_()


def test_what_if_and_plan_read_the_store_and_write_nothing(judged_home: Path) -> None:
    opened = planner.open_home(judged_home)
    report = opened.what_if("quick", {"better.score": -2.0}, "second")
    assert (report["before"]["outcome"], report["after"]["outcome"]) == ("pass", "fail")
    assert opened.plan("quick").state == "done"
