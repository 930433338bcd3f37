"""What a command prints where it is refused or fails: a sentence, and an object where JSON is wanted."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from planner.cli.failures import tell
from planner.cli.output import settings
from planner.io.leases.program_lock import program_lock
from planner.io.system.signals import Stopped
from planner.paths import Home
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, Reply, cli, cli_here, contents

MakeHome = Callable[..., Path]
BROKEN = QUICK.replace("better_by: 0.2", "beter_by: 0.2")


def error_in(reply: Reply) -> dict[str, object]:
    """The one object on stdout, which says what the sentence on stderr says."""
    assert_fits(reply.json, "error")
    error: dict[str, object] = reply.json
    assert error["schema"] == "phasegate.error/1"
    assert error["code"] == reply.code
    assert reply.err.strip()
    assert "Traceback" not in reply.err
    return error


def test_an_unknown_name_is_told_as_an_object_too(judged_home: Path) -> None:
    plain = cli_here("status", "quik", home=judged_home)
    reply = cli_here("status", "quik", "--json", home=judged_home)
    error = error_in(reply)
    assert (reply.code, reply.err) == (plain.code, plain.err)
    assert error["message"] == "no program 'quik'; did you mean 'quick'? known: quick"
    assert (error["file"], error["line"], error["next"]) == (None, None, None)


@pytest.mark.parametrize(
    "words",
    [["explain", "quick"], ["advance", "quick"], ["advance", "quick", "--dry-run"], ["graph", "quick"]],
)
def test_a_malformed_program_is_an_error_with_file_and_line(fresh_home: MakeHome, words: list[str]) -> None:
    home = fresh_home(BROKEN)
    file = home / "knowledge" / "programs" / "quick.yaml"
    line = next(i for i, t in enumerate(file.read_text().splitlines(), 1) if "beter_by" in t)
    error = error_in(cli_here(*words, "--json", home=home))
    assert (error["code"], error["file"], error["line"]) == (65, str(file), line)
    assert "beter_by" in str(error["message"])


@pytest.mark.parametrize("words", [["status"], ["check"], ["programs"], ["knowledge"]])
def test_what_keeps_a_program_from_an_answer_is_in_the_answer(fresh_home: MakeHome, words: list[str]) -> None:
    home = fresh_home(BROKEN)
    reply = cli_here(*words, "--json", home=home)
    assert reply.code == 65
    assert_fits(reply.json, words[0])
    (error,) = reply.json["errors"]
    assert_fits(error, "error")
    assert error["file"].endswith("quick.yaml")
    assert reply.json.get("ok") is not True


def test_an_experiment_that_is_no_python_is_an_error_with_its_file_and_line(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    (home / "experiments" / "quick.py").write_text("first = 1\nsecond =\n")
    error = error_in(cli_here("advance", "quick", "--json", home=home))
    assert (error["code"], error["file"]) == (65, str(home / "experiments" / "quick.py"))
    assert error["line"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status", "--no-such-option"], "No such option: --no-such-option"),
        (["no_such_command"], "No such command 'no_such_command'."),
        (["--no-such-option", "status"], "No such option: --no-such-option"),
        (["memo"], "Missing argument 'PROGRAM'."),
        (["calibrate", "quick", "--repetitions", "many"], "--repetitions"),
        (["advance", "quick", "--fidelity", "high"], "'smoke', 'standard', 'full'"),
    ],
)
def test_wrong_usage_is_an_object_too(judged_home: Path, words: list[str], message: str) -> None:
    error = error_in(cli_here(*words, "--json", home=judged_home))
    assert error["code"] == 2
    assert message in str(error["message"])
    assert "--help" in str(error["next"])


@pytest.mark.parametrize(
    "words", [["explain", "quik", "--format", "json"], ["knowledge", "x", "--format=json"]]
)
def test_json_that_is_asked_for_as_a_format_has_errors_as_objects(
    judged_home: Path, words: list[str]
) -> None:
    error_in(cli_here(*words, home=judged_home))


def test_without_json_nothing_is_on_stdout(judged_home: Path) -> None:
    assert cli_here("status", "quik", home=judged_home).out == ""
    assert cli_here("status", "--no-such-option", home=judged_home).out == ""


@pytest.mark.parametrize(
    ("error", "code", "message", "mend"),
    [
        (
            RuntimeError("the moon"),
            1,
            "unexpected error: RuntimeError: the moon",
            "--debug",
        ),
        (KeyboardInterrupt(), 130, "stopped", "the same command goes on from here"),
        (Stopped(signal.SIGTERM), 143, "stopped by SIGTERM", "go on with: "),
        (
            OSError(errno.ENOSPC, "no space", "/a/b"),
            69,
            "/a/b cannot be written: the disk is full",
            "make room",
        ),
    ],
)
def test_whatever_ends_a_command_is_an_object_too(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    message: str,
    mend: str,
) -> None:
    monkeypatch.setattr(settings, "json", True)
    monkeypatch.setattr(settings, "answered", False)
    assert tell(error) == code
    heard = capsys.readouterr()
    reply = error_in(Reply(code, heard.out, heard.err))
    assert message in str(reply["message"])
    assert mend in str(reply["next"])
    assert message in heard.err


def test_a_held_program_is_an_object_with_code_75_and_what_to_do(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    with program_lock(Home(home), "quick", "2026-01-02T03:04:05+00:00"):
        error = error_in(cli("advance", "quick", "--json", home=home))
    assert error["code"] == 75
    assert str(os.getpid()) in str(error["message"])
    assert "--wait" in str(error["next"])


# --- options that contradict each other ------------------------------------------------------------

ANSWERS = [["--list"], ["--revoke", "o-1"], ["--choose", "x"], ["--verdict", "accept"], ["--done", "x"]]
PAIRS = [
    (["advance", "quick"], ["--all"], ["--until", "first"]),
    (["advance", "quick"], ["--no-run"], ["--jobs", "2"]),
    (["advance", "quick"], ["--no-run"], ["--max-seconds", "5"]),
    (["advance", "quick"], ["--dry-run"], ["--exit-code"]),
    (["explain", "quick"], ["--phase", "first"], ["--decision", "d-1"]),
    (["explain", "quick"], ["--why-not", "stop"], ["--what-if", "base.score=1"]),
    (["explain", "quick"], ["--why-not", "stop"], ["--full"]),
    (["explain", "quick"], ["--what-if", "base.score=1"], ["--full"]),
    (["explain", "quick"], ["--why-not", "stop"], ["--format", "mermaid"]),
    (["explain", "quick"], ["--what-if", "base.score=1"], ["--format", "mermaid"]),
    (["explain", "quick"], ["--format", "mermaid"], ["--json"]),
    (["explain", "quick"], ["--format", "mermaid"], ["--full"]),
    (["graph", "quick"], ["--json"], ["--format", "mermaid"]),
    (["graph", "quick"], ["--json"], ["--format", "svg"]),
    (["graph", "quick"], ["--json"], ["--out", "graph.txt"]),
    (["knowledge", "quick"], ["--json"], ["--format", "mermaid"]),
    (["knowledge", "quick"], ["--json"], ["--out", "chart.txt"]),
    (["knowledge", "quick"], ["--format", "json"], ["--out", "chart.txt"]),
    *((["override", "quick"], first, second) for first, second in combinations(ANSWERS, 2)),
    (["override", "quick"], ["--list"], ["--reason", "x"]),
    (["override", "quick"], ["--list"], ["--by", "ada"]),
    (["override", "quick"], ["--list"], ["--expires", "2999-01-01"]),
    (["override", "quick"], ["--revoke", "o-1"], ["--expires", "2999-01-01"]),
]


@pytest.mark.parametrize(("command", "first", "second"), PAIRS, ids=lambda words: " ".join(words))
def test_options_that_contradict_each_other_are_refused(
    judged_home: Path, command: list[str], first: list[str], second: list[str]
) -> None:
    before = contents(judged_home)
    reply = cli_here(*command, *first, *second, home=judged_home)
    assert reply.code == 2, reply
    assert "contradict each other" in reply.err
    assert first[0] in reply.err
    assert second[0] in reply.err
    assert len(reply.err.splitlines()) == 1
    assert contents(judged_home) == before


def test_a_revocation_takes_no_phase(judged_home: Path) -> None:
    reply = cli_here("override", "quick", "first", "--revoke", "o-1", home=judged_home)
    assert reply.code == 2
    assert "--revoke and PHASE contradict each other" in reply.err


@pytest.mark.parametrize(
    "words",
    [
        ["advance", "quick", "--dry-run", "--no-run"],
        ["advance", "quick", "--dry-run", "--all", "--jobs", "2", "--max-seconds", "9", "--wait", "--accept"],
        ["explain", "quick", "--full", "--json"],
        ["explain", "quick", "--format", "json", "--json"],
        ["graph", "quick", "--format", "text", "--json"],
    ],
)
def test_options_that_go_together_are_taken(judged_home: Path, words: list[str]) -> None:
    reply = cli_here(*words, home=judged_home)
    assert (reply.code, reply.err) == (0, "")
