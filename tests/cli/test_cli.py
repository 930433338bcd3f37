"""The contract of ``docs/cli.md`` over real processes; what needs many runs of MLflow is in ``slow/``."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from planner.cli.app import app
from planner.io.commands.replies.published import REPLIES
from planner.io.leases.program_lock import program_lock
from planner.io.programs.loader import load_program
from planner.paths import Home
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, ROOT, Reply, add_program, cli, cli_here, contents

pytestmark = pytest.mark.in_turn

MakeHome = Callable[..., Path]


def assert_refused(reply: Reply, code: int, *words: str) -> None:
    """One sentence on stderr, nothing on stdout, no traceback."""
    assert reply.code == code, reply
    assert reply.out == ""
    assert "Traceback" not in reply.err
    assert len(reply.err.strip().splitlines()) == 1
    for word in words:
        assert word in reply.err


# --- JSON ----------------------------------------------------------------------------------------


def test_what_advance_prints_at_the_end_is_one_object_as_promised(advance_reply: str) -> None:
    reply = Reply(0, advance_reply, "").json
    assert_fits(reply, "advance")
    assert [step["phase"] for step in reply["steps"]] == ["first", "second"]
    assert [step["outcome"] for step in reply["steps"]] == ["fail", "pass"]
    assert [step["runs_launched"] for step in reply["steps"]] == [6, 3]
    assert reply["state"] == "done"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("programs", ["programs"]),
        ("status", ["status"]),
        ("explain", ["explain", "quick"]),
        ("explain", ["explain", "quick", "--phase", "first"]),
        ("explain", ["explain", "quick", "--phase", "third"]),
        ("memo", ["memo", "quick", "first"]),
        ("memo-verify", ["memo", "quick", "first", "--verify"]),
        ("replay", ["replay", "quick"]),
        ("replay-rules", ["replay", "quick", "--rules", "{home}/knowledge/programs/quick.yaml"]),
        ("calibrate", ["calibrate", "quick", "--repetitions", "2", "--jobs", "1"]),
        ("judge", ["judge", "--metric", "score", "--arms-by", "shift"]),
        ("judge", ["judge", "--metric", "score", "--baseline", "none"]),
        ("advance-dry-run", ["advance", "quick", "--dry-run"]),
        ("advance-dry-run", ["advance", "--all", "--dry-run"]),
        ("doctor", ["doctor"]),
        ("explain", ["explain", "quick", "--phase", "first", "--why-not", "up"]),
        ("explain", ["explain", "quick", "--phase", "first", "--what-if", "worse.score=nan"]),
        ("graph", ["graph", "quick"]),
        ("check", ["check", "quick"]),
        ("override-list", ["override", "quick", "--list"]),
        ("knowledge", ["knowledge"]),
        ("knowledge", ["knowledge", "quick"]),
    ],
)
def test_what_a_reading_command_prints_is_as_promised(
    judged_home: Path, command: str, words: list[str]
) -> None:
    words = [word.replace("{home}", str(judged_home)) for word in words]
    reply = cli_here(*words, "--json", home=judged_home)
    assert (reply.code, reply.err) == (0, "")
    assert_fits(reply.json, command)


@pytest.mark.parametrize("name", REPLIES)
def test_the_schema_of_every_reply_is_published(name: str) -> None:
    reply = cli_here("schema", "--reply", name)
    assert (reply.code, reply.err) == (0, "")
    Draft202012Validator.check_schema(reply.json)
    command = name.partition("-")[0]
    assert f'"const": "phasegate.{command}/1"' in reply.out
    assert '"additionalProperties": false' not in reply.out


def test_a_reply_that_is_not_there_is_wrong_usage_and_those_that_are_there_are_listed() -> None:
    assert_refused(cli_here("schema", "--reply", "stats"), 2, "did you mean 'status'", *REPLIES)


def test_without_a_reply_the_schema_is_that_of_a_program() -> None:
    assert cli_here("schema").json["title"] == "phasegate program"


def test_every_command_with_json_has_a_published_reply() -> None:
    commands = [command.callback for command in app.registered_commands]
    with_json = {command.__name__ for command in commands if "json" in signature(command).parameters}
    assert with_json == {name.partition("-")[0] for name in REPLIES} - {"error"}


def test_the_entry_point_only_starts_the_commands() -> None:
    assert len((ROOT / "cli.py").read_text().splitlines()) <= 30


@pytest.mark.parametrize(
    "words", [["status"], ["explain"], ["programs"], ["check"], ["graph", "quick"], ["knowledge"]]
)
def test_a_home_where_nothing_was_run_can_be_read(fresh_home: MakeHome, words: list[str]) -> None:
    home = fresh_home(QUICK)
    before = contents(home)
    reply = cli_here(*words, "--json", home=home)
    assert (reply.code, reply.err) == (0, "")
    assert_fits(reply.json, words[0])
    assert contents(home) == before


def test_a_phase_that_was_not_judged_has_no_outcome(judged_home: Path) -> None:
    reply = cli_here("explain", "quick", "--phase", "third", "--json", home=judged_home).json
    assert reply["verdict"]["outcome"] is None
    assert (reply["criteria"], reply["decision"]) == ([], None)


def test_the_choice_of_a_decision_is_the_next_target(judged_home: Path) -> None:
    decision = cli_here("explain", "quick", "--phase", "first", "--json", home=judged_home).json["decision"]
    assert (decision["action"], decision["choice"]) == ("take_option", "turn_round")
    ahead = cli_here("status", "quick", "--json", home=judged_home).json["programs"][0]["next"]
    last = cli_here("explain", "quick", "--json", home=judged_home).json["decision"]
    assert (ahead["action"], ahead["target"]) == (last["action"], last["choice"]) == ("stop", None)


# --- where things go -----------------------------------------------------------------------------


def test_the_home_may_be_named_before_or_after_the_command_or_in_the_environment(judged_home: Path) -> None:
    words = ["status", "--json"]
    before = cli_here("--home", str(judged_home), *words).json
    assert cli_here(*words, "--home", str(judged_home)).json == before
    assert cli_here(*words, f"--home={judged_home}").json == before
    assert cli(*words, env={"PHASEGATE_HOME": str(judged_home)}).json == before
    assert [program["name"] for program in before["programs"]] == ["quick"]


@pytest.mark.parametrize("words", [["status"], ["explain", "--full"], ["graph", "quick"], ["memo", "quick"]])
def test_no_colour_is_written_where_nobody_looks_or_none_is_wanted(
    judged_home: Path, words: list[str]
) -> None:
    reply = cli(*words, home=judged_home, env={"NO_COLOR": "1"})
    assert reply.code == 0
    assert "\x1b" not in reply.out + reply.err
    assert reply.out == cli_here(*words, home=judged_home).out


def test_pictures_of_the_graph_are_written(judged_home: Path, tmp_path: Path) -> None:
    for kind, begins in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        for what in ("graph", "knowledge"):
            out = tmp_path / f"{what}.{kind}"
            reply = cli_here(what, "quick", "--format", kind, "--out", str(out), home=judged_home)
            assert (reply.code, reply.out) == (0, f"{out}\n")
            assert out.read_bytes().startswith(begins)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status", "quik"], "did you mean 'quick'"),
        (["advance", "quik"], "did you mean 'quick'"),
        (["advance", "quick", "--until", "nowhere"], "no phase 'nowhere'"),
        (["advance", "quick", "--max-seconds", "0"], "--max-seconds"),
        (["advance", "quick", "--max-seconds", "nan"], "--max-seconds"),
        (["advance", "quick", "--jobs", "0"], "--jobs"),
        (["advance", "quick", "--fidelity", "high"], "'smoke', 'standard', 'full'"),
        (["advance", "quick", "--launcher", "moon"], "moon"),
        (["explain", "quick", "--phase", "nowhere"], "no phase 'nowhere'"),
        (["explain", "quick", "--decision", "d-zzzz"], "no decision"),
        (["explain", "quick", "--format", "pdf"], "pdf"),
        (["memo", "quick", "third"], "has not been judged"),
        (["graph", "quick", "--format", "pdf"], "pdf"),
        (["knowledge", "quik"], "did you mean 'quick'"),
        (["knowledge", "quick", "--format", "pdf"], "pdf"),
        (["override", "quick", "first"], "--choose"),
        (["override", "quick", "first", "--choose", "repeat"], "--reason"),
        (["override", "quick", "nowhere", "--choose", "repeat", "--reason", "x"], "no phase"),
        (["override", "quick", "third", "--choose", "stop", "--reason", "x"], "not open"),
        (["override", "quick", "--revoke", "o-0"], "no override"),
        (["exclude", "not-an-id", "--reason", "x"], "no run id"),
        (["init", "quick"], "already"),
        (["init", "Quick-er"], "lower-case"),
    ],
)
def test_wrong_usage_ends_with_2_and_changes_nothing(
    judged_home: Path, words: list[str], message: str
) -> None:
    before = contents(judged_home)
    assert_refused(cli_here(*words, home=judged_home), 2, message)
    assert contents(judged_home) == before


def test_a_home_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert_refused(cli_here("status", home=tmp_path / "nowhere"), 2, "nowhere")


def test_with_two_programs_and_none_named_advance_asks_which(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    add_program(home, QUICK.replace("program: quick", "program: other"))
    assert_refused(cli_here("advance", home=home), 2, "other", "quick")


@pytest.mark.parametrize("words", [["status"], ["advance", "quick"], ["check"], ["explain", "quick"]])
def test_a_malformed_program_ends_with_65_and_names_file_and_line(
    fresh_home: MakeHome, words: list[str]
) -> None:
    home = fresh_home(QUICK.replace("better_by: 0.2", "beter_by: 0.2"))
    line = 1 + QUICK.strip().splitlines().index(
        next(t for t in QUICK.strip().splitlines() if "better_by" in t)
    )
    reply = cli_here(*words, home=home)
    assert (reply.code, reply.out) == (65, "")
    assert f"quick.yaml:{line}: " in reply.err
    assert "beter_by" in reply.err
    assert "Traceback" not in reply.err


@pytest.mark.parametrize("words", [["--all"], ["--all", "--dry-run"]])
def test_a_broken_program_does_not_hold_up_the_others(own_home: Path, words: list[str]) -> None:
    broken = QUICK.replace("program: quick", "program: broken").replace("better_by", "beter_by")
    add_program(own_home, broken)
    reply = cli_here("advance", *words, "--json", home=own_home)
    assert reply.code == 65
    assert [one["program"] for one in reply.json["programs"]] == ["quick"]
    assert [error["code"] for error in reply.json["errors"]] == [65]
    assert "broken.yaml:" in reply.err
    assert "beter_by" in reply.err
    assert "Traceback" not in reply.err


def test_a_journal_is_rebuilt_beside_a_broken_program(own_home: Path) -> None:
    before = cli_here("status", "quick", "--json", home=own_home).json
    broken = QUICK.replace("program: quick", "program: broken").replace("better_by", "beter_by")
    add_program(own_home, broken)
    for file in (own_home / "mlruns").glob("journal.db*"):
        file.unlink()
    reply = cli_here("status", "quick", "--json", home=own_home)
    assert (reply.code, reply.err) == (0, "")
    assert reply.json == before


def test_logged_figures_are_judged_without_an_experiment_and_what_is_missing_is_said(
    fresh_home: MakeHome,
) -> None:
    home = fresh_home(QUICK)
    (home / "experiments" / "quick.py").unlink()
    reply = cli_here("advance", "quick", "--no-run", home=home)
    assert reply.code == 0, reply.err
    assert reply.out.startswith("stopped: 'first' has no runs, and --no-run makes none")
    assert cli_here("advance", "quick", "--no-run", "--dry-run", home=home).code == 0
    assert_refused(cli_here("advance", "quick", home=home), 65, "experiments/quick.py")


def test_a_phase_that_is_reached_already_lacks_nothing_behind_it(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    assert cli_here("advance", "quick", "--jobs", "1", home=home).code == 0
    reply = cli_here("advance", "quick", "--no-run", "--until", "first", "--json", home=home).json
    assert (reply["steps"], reply["stopped"]) == ([], None)


def test_check_ends_with_1_where_it_finds_an_error(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK.replace("unless: [higher]", "when: [higher]"))
    reply = cli_here("check", "quick", "--json", home=home)
    assert (reply.code, reply.err) == (1, "")
    assert_fits(reply.json, "check")
    assert not reply.json["ok"]


def test_a_program_that_is_held_ends_advance_with_75_and_says_by_whom(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    since = "2026-01-02T03:04:05+00:00"
    with program_lock(Home(home), "quick", since):
        assert_refused(cli("advance", "quick", home=home), 75, str(os.getpid()), since)
        assert cli("status", "--json", home=home).json["programs"][0]["state"] == "running"


def test_an_unreachable_store_ends_with_69_within_20_seconds(fresh_home: MakeHome) -> None:
    reply = cli("advance", "quick", home=fresh_home(QUICK), env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    assert_refused(reply, 69, "http://127.0.0.1:9")
    assert reply.seconds < 20


def test_a_folder_as_store_ends_with_69(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    env = {"MLFLOW_TRACKING_URI": str(home / "mlruns")}
    assert_refused(cli("advance", "quick", home=home, env=env), 69, "MLFLOW_TRACKING_URI")


# --- knowledge and hindsight ---------------------------------------------------------------------


def test_knowledge_tells_claims_in_every_form(judged_home: Path, tmp_path: Path) -> None:
    reply = cli_here("knowledge", "quick", "--format", "json", home=judged_home).json
    claim = reply["claims"][0]
    assert (claim["phase"], claim["status"], claim["outcome"]) == ("first", "refuted", "fail")
    assert len(claim["evidence"][0]["run_ids"]) == 6
    assert [(link["kind"], link["id"]) for link in claim["rested_on_by"]] == [("phase", "second")]
    out = tmp_path / "k.mmd"
    assert cli_here("knowledge", "--format", "mermaid", "--out", str(out), home=judged_home).out == ""
    assert out.read_text().startswith("flowchart LR")
    text = cli_here("knowledge", home=judged_home).out
    assert "shift_helps: refuted · A shift raises the score." in text


def test_an_override_against_a_confirmed_verdict_is_recorded_with_a_warning_and_scored_later(
    own_home: Path,
) -> None:
    words = ["--choose", "repeat", "--reason", "a hunch", "--by", "ada", "--expires", "2999-01-01"]
    reply = cli_here("override", "quick", "second", *words, "--json", home=own_home)
    assert reply.code == 0
    assert_fits(reply.json, "override")
    warning = reply.json["warning"]
    assert warning.startswith(
        "contradicts a confirmed verdict: second is pass, case up, confirmed on 3 seeds"
    )
    assert reply.err == f"warning: this {warning}; it is recorded all the same\n"
    listed = cli_here("override", "quick", "--list", home=own_home).out.splitlines()
    assert "(in force, expires 2999-01-01): a hunch" in listed[0]
    assert listed[1:] == ["  open: no decision has followed it", f"  {warning}"]
    assert cli_here("advance", "quick", "--jobs", "1", home=own_home).code == 0
    row = cli_here("override", "quick", "--list", "--json", home=own_home).json["overrides"][0]
    assert (row["standing"], row["score"]["result"], row["warning"]) == ("in force", "wrong", warning)
    assert "chosen 'repeat': third fail" in row["score"]["evidence"]
    seen = cli_here("explain", "quick", "--phase", "second", "--json", home=own_home).json
    assert_fits(seen, "explain")
    assert (seen["overrides"][0]["score"], seen["overrides"][0]["warning"]) == (row["score"], warning)
    text = cli_here("explain", "quick", "--phase", "second", home=own_home).out
    assert f"  wrong: {row['score']['evidence']}\n  {warning}" in text
    assert cli_here("knowledge", "quick", "--json", home=own_home).json["overrides_score"]["wrong"] == 1
    memo = cli_here("memo", "quick", "second", home=own_home).out
    assert f"It {warning}." in memo


def test_a_rejected_verdict_says_so_in_status_and_in_its_memo(own_home: Path) -> None:
    def phase() -> dict[str, object]:
        (program,) = cli_here("status", "quick", "--json", home=own_home).json["programs"]
        return next(phase for phase in program["phases"] if phase["name"] == "second")

    assert phase()["rejected_by"] is None
    words = ["--verdict", "reject", "--reason", "a bug", "--by", "ada"]
    recorded = cli_here("override", "quick", "second", *words, "--json", home=own_home).json["override"]
    assert phase()["rejected_by"] == "ada"
    assert ", rejected by ada" in cli_here("status", "quick", home=own_home).out
    cli_here("advance", "quick", "--no-run", home=own_home)
    memo = cli_here("memo", "quick", "second", home=own_home).out
    assert "rejected by ada" in next(line for line in memo.splitlines() if line.startswith("**Verdict"))
    cli_here("override", "quick", "--revoke", recorded["id"], home=own_home)
    assert phase()["rejected_by"] is None


def test_an_override_that_contradicts_nothing_says_nothing(own_home: Path) -> None:
    words = ["--verdict", "accept", "--reason", "as I thought"]
    reply = cli_here("override", "quick", "second", *words, "--json", home=own_home)
    assert (reply.code, reply.err, reply.json["warning"]) == (0, "", None)
    assert_fits(reply.json, "override")
    revoked = cli_here("override", "quick", "--revoke", reply.json["override"]["id"], "--json", home=own_home)
    assert_fits(revoked.json, "override")
    listed = cli_here("override", "quick", "--list", "--json", home=own_home)
    assert_fits(listed.json, "override-list")


def test_a_run_that_is_excluded_and_code_that_is_kept_are_recorded_as_promised(own_home: Path) -> None:
    explained = cli_here("explain", "quick", "--phase", "first", "--json", home=own_home).json
    run = explained["criteria"][0]["run_ids"][0]
    excluded = cli_here("exclude", run, "--reason", "a bad machine", "--json", home=own_home)
    assert_fits(excluded.json, "exclude")
    assert excluded.json["exclusion"]["run_id"] == run
    experiment = own_home / "experiments" / "quick.py"
    experiment.write_text(experiment.read_text() + "\nUNUSED = 1\n")
    kept = cli_here("keep", "quick", "--reason", "a name that nothing uses", "--json", home=own_home)
    assert_fits(kept.json, "keep")
    assert len(kept.json["keep"]["old"]) == 1


def test_failed_runs_that_are_made_again_are_recorded_and_told(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK.replace("worse: {shift: -1.0}", "worse: {shift: -1.0, action: raise}"))
    assert cli_here("retry", "quick", "--reason", "x", home=home).code == 2
    cli_here("advance", "quick", home=home)
    refused = cli_here("retry", "quick", "ffffffffffff", "--reason", "x", home=home)
    assert refused.code == 2
    assert "has no failed run 'ffffffffffff'" in refused.err
    assert cli_here("retry", "quick", home=home).code == 2
    given = cli_here("retry", "quick", "--reason", "the host was full", "--by", "ada", "--json", home=home)
    assert_fits(given.json, "retry")
    failed = given.json["retry"]["run_ids"]
    assert len(failed) == 3
    status = cli_here("status", "quick", home=home)
    assert "made again at the word of ada: the host was full" in status.out
    again = cli_here("retry", "quick", failed[0][:8], "--reason", "x", home=home)
    assert "failed are: none" in again.err
    cli_here("advance", "quick", home=home)
    assert "made again at the word of ada: the host was full" in cli_here("memo", "quick", home=home).out
    assert "made again at the word of ada" in cli_here("explain", "quick", "--full", home=home).out
    assert cli_here("replay", "quick", home=home).code == 0


# --- working -------------------------------------------------------------------------------------


def test_a_dry_run_gives_reasons_and_an_estimate_and_writes_nothing_at_all(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    before = contents(home)
    reply = cli_here("advance", "quick", "--dry-run", "--json", home=home)
    assert reply.code == 0
    assert_fits(reply.json, "advance-dry-run")
    assert reply.json["estimate"]["runs"] == 6
    assert reply.json["runs"] == [{"phase": "first", "arm": a, "runs": 3} for a in ("base", "worse")]
    assert contents(home) == before


def test_init_writes_a_program_that_checks_out_and_never_overwrites(tmp_path: Path) -> None:
    reply = cli_here("init", "first_try", "--json", home=tmp_path)
    assert_fits(reply.json, "init")
    assert [p.name for p in sorted(tmp_path.rglob("*.*"))] == ["first_try.py", "first_try.yaml"]
    before = contents(tmp_path)
    assert_refused(cli_here("init", "first_try", home=tmp_path), 2, "already")
    assert contents(tmp_path) == before
    assert json.loads(cli_here("check", "first_try", "--json", home=tmp_path).out)["findings"] == []


def test_init_writes_a_program_for_a_command_of_one_s_own(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('hello')\n")
    words = [sys.executable, "train.py", "{flags}", "--seed", "{seed}"]
    made = cli_here(
        "init",
        "mine",
        "--command",
        shlex.join(words),
        "--metric",
        "val/loss",
        "--better",
        "lower",
        home=tmp_path,
    )
    assert made.code == 0, made.err
    assert cli_here("check", "mine", home=tmp_path).out == "no faults found\n"
    program = load_program(tmp_path / "knowledge" / "programs" / "mine.yaml")
    assert program.command == words
    assert program.metrics["val/loss"].better == "lower"
    again = cli_here("init", "mine", "--command", "python train.py", home=tmp_path)
    assert (again.code, "nothing is overwritten" in again.err) == (2, True)
    for command in ("", "python 'open"):
        assert cli_here("init", "other", "--command", command, home=tmp_path).code == 2


@pytest.mark.parametrize("name", ["class", "contract", "a b", "../up", "Über", "9lives", "", "x" * 81])
def test_init_refuses_what_cannot_name_a_program_and_a_module(tmp_path: Path, name: str) -> None:
    assert_refused(cli_here("init", name, home=tmp_path), 2)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("port", ["0", "99999", "-1"])
def test_a_port_that_there_is_not_is_told_before_anything_is_started(judged_home: Path, port: str) -> None:
    reply = cli("ui", "--port", port, home=judged_home)
    assert (reply.code, reply.out) == (2, "")
    assert reply.err.startswith("Invalid value for '--port'")


def test_a_port_that_another_process_has_is_told_before_anything_is_started(judged_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        reply = cli_here("ui", "--port", str(port), home=judged_home)
    assert (reply.code, reply.out) == (2, "")
    assert f"port {port} cannot be used: Address already in use" in reply.err
