"""A program's ``notify`` is called once for each state that it reaches, and its failure changes nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from planner.io.commands.open_home import open_program, read_program_state
from planner.io.commands.upkeep.notify import notify
from planner.lineage.program_state import ProgramState
from planner.paths import Home
from tests.support.small_homes import QUICK, add_program, cli_here, make_home

HEARS = """
import json, os, sys
heard = {name: value for name, value in os.environ.items() if name.startswith("PHASEGATE_")}
with open("heard.jsonl", "a") as file:
    file.write(json.dumps([sys.argv[1:], heard, json.load(sys.stdin)]) + "\\n")
print("no part of any reply")
"""


def told_by(home: Path, *words: str, text: str = HEARS) -> None:
    """Gives ``quick`` a command that writes down what it hears."""
    (home / "hears.py").write_text(text)
    command = json.dumps([sys.executable, "hears.py", *words])
    add_program(home, f"{QUICK.rstrip()}\nnotify: {command}\n")


def heard(home: Path) -> list[tuple[list[str], dict[str, str], dict[str, str]]]:
    file = home / "heard.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def state_of(home: Path) -> ProgramState:
    return read_program_state(Home(home), open_program(Home(home), "quick"))[0]


def test_advance_tells_once_that_a_program_is_done(own_home: Path) -> None:
    before = cli_here("status", "quick", "--json", home=own_home).json
    told_by(own_home, "$HOME; a word")
    assert cli_here("status", "quick", "--json", home=own_home).json == before, "it is no part of any rule"
    for _ in range(2):
        reply = cli_here("advance", "quick", "--json", home=own_home)
        assert (reply.code, reply.json["state"], reply.json["steps"]) == (0, "done", [])
    ((words, variables, message),) = heard(own_home)
    assert words == ["$HOME; a word"]
    memo = own_home / "knowledge" / "memos" / "quick" / "second.md"
    expected = {"program": "quick", "state": "done", "phase": "second", "memo": str(memo)}
    assert {key: message[key] for key in expected} == expected
    assert message["schema"] == "phasegate.notify/1"
    assert message["reason"] == before["programs"][0]["next"]["reason"]
    for key in ("program", "state", "phase", "reason", "memo"):
        assert variables[f"PHASEGATE_{key.upper()}"] == message[key]


def test_reading_and_dry_runs_tell_nobody(own_home: Path) -> None:
    told_by(own_home)
    cli_here("status", home=own_home)
    cli_here("advance", "quick", "--dry-run", home=own_home)
    assert heard(own_home) == []


def test_each_state_that_is_reached_is_told(own_home: Path) -> None:
    told_by(own_home)
    done = state_of(own_home)
    assert done.latest is not None
    waits = replace(done, latest=done.latest.model_copy(update={"action": "wait", "id": "d-2"}))
    for state in (done, done, waits, waits, replace(done, running=True), replace(done, latest=None)):
        notify(Home(own_home), state, print)
    assert [message["state"] for _, _, message in heard(own_home)] == ["done", "waiting"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import sys; sys.exit('no such channel')", "ended with 1: no such channel"),
        ("import time; time.sleep(600)", "took longer than 1 s and was ended"),
    ],
)
def test_a_command_that_fails_is_a_warning_and_is_not_called_again(
    own_home: Path, text: str, says: str
) -> None:
    told_by(own_home, text=text)
    warnings: list[str] = []
    for _ in range(2):
        notify(Home(own_home), state_of(own_home), warnings.append, seconds=1)
    (warning,) = warnings
    assert warning.startswith("warning: notify: ")
    assert says in warning


def test_a_command_that_is_not_there_changes_no_exit_code(own_home: Path) -> None:
    add_program(own_home, f"{QUICK.rstrip()}\nnotify: [no-such-program]\n")
    reply = cli_here("advance", "quick", "--json", home=own_home)
    assert (reply.code, reply.json["state"]) == (0, "done")
    assert "warning: notify: 'no-such-program' cannot be run" in reply.err
    (finding,) = cli_here("check", "quick", "--json", home=own_home).json["findings"]
    assert (finding["severity"], finding["where"]) == ("warning", ["notify", 0])


@pytest.mark.parametrize("wrong", ["mail", "[]", "[3]", "{a: b}"])
def test_notify_takes_a_list_of_words(tmp_path: Path, wrong: str) -> None:
    home = make_home(tmp_path / "home", f"{QUICK.rstrip()}\nnotify: {wrong}\n")
    reply = cli_here("check", "quick", home=home)
    assert reply.code == 65
    assert "notify" in reply.err
