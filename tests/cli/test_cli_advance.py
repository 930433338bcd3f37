"""What ``advance`` and the commands that write promise, over real processes and a real MLflow store."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import (
    QUICK,
    ROOT,
    WAITS,
    WITH_SEEDS_TO_SPARE,
    add_program,
    clean_environment,
    cli,
    contents,
    log_reference,
    make_home,
)

pytestmark = pytest.mark.slow
MakeHome = Callable[..., Path]

DOUBT = QUICK.replace("worse: {shift: -1.0}", "worse: {shift: 0.1, spread: 0.5}")
BROKEN = WAITS.replace("worse: {shift: -1.0}", "worse: {shift: -1.0, action: nan}").replace(
    "    triage:", "    next: {invalid: stop}\n    triage:"
)
BLOCKED = WAITS.replace(
    "    gate: [higher]", "      ready: {metric: score, arm: base, above: 9.0}\n    gate: [higher]"
).replace("    triage:", "    guards: {ready: blocked}\n    next: {blocked: wait}\n    triage:")
PASSES = QUICK.replace("worse: {shift: -1.0}", "worse: {shift: 2.0}")


# --- exit codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "outcome"),
    [
        (PASSES, 0, "pass"),
        (QUICK, 10, "fail"),
        (DOUBT, 11, "inconclusive"),
        (WAITS, 12, "fail"),
        (BROKEN, 14, "invalid"),
        (BLOCKED, 15, "blocked"),
    ],
    ids=["pass", "fail", "inconclusive", "waiting", "invalid", "blocked"],
)
def test_with_exit_code_the_verdict_speaks(fresh_home: MakeHome, text: str, code: int, outcome: str) -> None:
    home = fresh_home(text)
    reply = cli("advance", "--exit-code", "--json", home=home)
    assert_fits(reply.json, "advance")
    assert (reply.code, reply.json["steps"][-1]["outcome"]) == (code, outcome)


def test_when_nothing_is_to_be_done_nothing_is_written_and_the_code_is_13(own_home: Path) -> None:
    before = cli("explain", "quick", "--json", home=own_home).json["decision_id"]
    reply = cli("advance", "quick", "--all", "--exit-code", "--json", home=own_home)
    assert (reply.code, reply.json["steps"]) == (13, [])
    assert cli("explain", "quick", "--json", home=own_home).json["decision_id"] == before
    assert cli("advance", "quick", home=own_home).code == 0


# --- again, held back, and without runs ----------------------------------------------------------


def test_a_second_advance_launches_nothing_and_changes_no_decision(own_home: Path) -> None:
    phases = ("first", "second")

    def replies() -> list[object]:
        seen = [cli("explain", "quick", "--phase", p, "--json", home=own_home).json for p in phases]
        return [*seen, cli("status", "--json", home=own_home).json]

    before, memos = replies(), contents(own_home / "knowledge")
    reply = cli("advance", "--all", "--json", home=own_home).json
    assert sum(step["runs_launched"] for step in reply["steps"]) == 0
    assert reply["steps"] == []
    assert replies() == before
    assert contents(own_home / "knowledge") == memos


def test_a_comment_in_the_experiment_changes_nothing_and_its_code_makes_the_verdicts_stale(
    own_home: Path,
) -> None:
    module = own_home / "experiments" / "quick.py"
    module.write_text(module.read_text() + "\n# a remark\n")
    assert cli("advance", "--all", "--json", home=own_home).json["steps"] == []
    module.write_text(module.read_text().replace("import random", "import random, math"))
    phases = cli("status", "--json", home=own_home).json["programs"][0]["phases"]
    assert [phase["stale"] for phase in phases] == [True, True, False]
    ahead = cli("advance", "--dry-run", "--json", home=own_home).json["candidates"][0]
    assert "its verdict is stale: the code of the experiment has changed" in ahead["reason"]
    assert cli("keep", "quick", "--reason", "an import that is not used", home=own_home).code == 0
    phases = cli("status", "--json", home=own_home).json["programs"][0]["phases"]
    assert not any(phase["stale"] for phase in phases)


def test_a_dry_run_on_a_home_with_a_store_writes_nothing_at_all(own_home: Path) -> None:
    add_program(own_home, WAITS)
    before = contents(own_home)
    reply = cli("advance", "waits", "--dry-run", "--json", home=own_home)
    assert_fits(reply.json, "advance-dry-run")
    assert contents(own_home) == before


def test_until_stops_when_that_phase_is_judged(fresh_home: MakeHome) -> None:
    reply = cli("advance", "quick", "--until", "first", "--json", home=fresh_home(QUICK)).json
    assert [step["phase"] for step in reply["steps"]] == ["first"]
    assert (reply["state"], reply["next"]["target"]) == ("ready", "turn_round")


def test_time_that_is_up_stops_before_the_next_run_and_the_rest_is_done_later(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    first = cli("advance", "--all", "--max-seconds", "0.001", "--json", "--jobs", "1", home=home)
    assert first.code == 0
    assert_fits(first.json, "advance")
    assert (first.json["steps"], first.json["state"]) == ([], "ready")
    assert "max-seconds" in first.json["stopped"]
    rest = cli("advance", "--all", "--json", home=home).json
    assert rest["state"] == "done"


def test_advance_without_a_program_takes_the_only_one_and_with_all_every_one(own_home: Path) -> None:
    add_program(own_home, WAITS)
    reply = cli("advance", "--all", "--json", home=own_home).json
    assert [one["program"] for one in reply["programs"]] == ["quick", "waits"]
    assert reply["state"] == "waiting"


def test_progress_goes_to_stderr_and_results_to_stdout(fresh_home: MakeHome) -> None:
    reply = cli("advance", "--jobs", "1", home=fresh_home(QUICK))
    assert "[6/6]" in reply.err
    assert "seed" not in reply.out
    assert "first: fail, case down" in reply.out
    assert "\x1b" not in reply.out + reply.err


# --- figures that others logged ------------------------------------------------------------------


@pytest.mark.parametrize(
    "listens",
    ["2>&1 | head -n 1", ">&- 2>&- <&-", "> /dev/full 2> /dev/full"],
    ids=["leaves", "none", "full"],
)
def test_work_goes_on_when_nobody_listens(fresh_home: MakeHome, listens: str) -> None:
    home = fresh_home(QUICK)
    words = [sys.executable, str(ROOT / "cli.py"), "--home", str(home), "advance", "--all", "--jobs", "1"]
    script = f"set -o pipefail; {shlex.join(words)} {listens}"
    done = subprocess.run(["bash", "-c", script], env=clean_environment(), capture_output=True, timeout=900)
    assert done.returncode == 0
    assert cli("status", "--json", home=home).json["programs"][0]["state"] == "done"


def test_the_documents_own_figures_give_its_authors_verdict(tmp_path: Path) -> None:
    home = make_home(tmp_path / "a home")
    shutil.copy(ROOT / "knowledge/programs/credit_linesearch.yaml", home / "knowledge/programs")
    log_reference(home, "phase_6a", "samebatch")
    reply = cli("advance", "credit_linesearch", "--no-run", "--until", "samebatch", "--json", home=home)
    assert reply.code == 0, reply.err
    assert_fits(reply.json, "advance")
    early, last = reply.json["steps"]
    assert (early["phase"], early["case"], early["confidence"]) == ("phase_6a", "B", "provisional")
    summary = [last[k] for k in ("phase", "outcome", "confidence", "case", "runs_launched")]
    assert summary == ["samebatch", "pass", "provisional", "D", 0]
    why = cli("explain", "credit_linesearch", "--phase", "samebatch", "--json", home=home).json
    assert why["verdict"]["supersedes"]["phase"] == "phase_6a"
    assert set(why["verdict"]["supersedes"]["confounds"]) == {
        "normalization",
        "held_out_evaluation",
        "gradient_clamping",
    }
    phases = cli("status", "--json", home=home).json["programs"][0]["phases"]
    assert phases[0]["superseded_by"] == "samebatch"
    memo = cli("memo", "credit_linesearch", "samebatch", home=home).out
    assert "supersedes `phase_6a`, Case B" in memo
    assert "-0.406" in memo


# --- what people do ------------------------------------------------------------------------------


def test_an_override_is_followed_and_the_recommendation_stays_visible(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    assert cli("advance", "quick", home=home).code == 0
    words = ["override", "quick", "first", "--choose", "repeat", "--by", "ana"]
    given = cli(*words, "--reason", "Luck <b>matters</b>.", "--json", home=home)
    assert_fits(given.json, "override")
    listed = cli("override", "quick", "--list", "--json", home=home).json
    assert_fits(listed, "override-list")
    assert listed["overrides"][0]["standing"] == "in force"
    ahead = cli("status", "--json", home=home).json["programs"][0]["next"]
    assert (ahead["action"], ahead["target"]) == ("take_option", "repeat")
    steps = cli("advance", "--all", "--json", home=home).json["steps"]
    assert steps[-1]["phase"] == "third"
    why = cli("explain", "quick", "--phase", "first", "--json", home=home).json
    assert_fits(why, "explain")
    assert (why["decision"]["choice"], why["decision"]["recommended"]) == ("repeat", "turn_round")
    assert why["overrides"][0]["by"] == "ana"
    memo = cli("memo", "quick", "first", home=home).out
    assert "The rules recommend **turn_round**" in memo
    assert "<b>" not in memo


def test_a_recommendation_that_waits_is_taken_with_accept(fresh_home: MakeHome) -> None:
    home = fresh_home(WAITS)
    assert cli("advance", "--all", "--json", home=home).json["state"] == "waiting"
    assert cli("status", "--json", home=home).json["programs"][0]["next"]["action"] == "wait"
    reply = cli("advance", "--all", "--accept", "--json", home=home).json
    assert reply["steps"][-1]["phase"] == "second"


def test_an_excluded_run_is_replaced_and_named_and_can_come_back(own_home: Path) -> None:
    why = cli("explain", "quick", "--phase", "second", "--json", home=own_home).json
    run = why["criteria"][0]["run_ids"][0]
    given = cli("exclude", run, "--reason", "a cable was loose", "--by", "ana", "--json", home=own_home)
    assert_fits(given.json, "exclude")
    reply = cli("advance", "--all", "--json", home=own_home).json
    assert sum(step["runs_launched"] for step in reply["steps"]) > 0
    why = cli("explain", "quick", "--phase", "second", "--json", home=own_home).json
    assert run not in why["criteria"][0]["run_ids"]
    assert any(run in c and "a cable was loose" in c for c in why["verdict"]["caveats"])
    assert cli("exclude", run, "--undo", home=own_home).code == 0
    cli("advance", "--all", home=own_home)
    why = cli("explain", "quick", "--phase", "second", "--json", home=own_home).json
    assert run in why["criteria"][0]["run_ids"]


def test_an_excluded_run_costs_its_replacement_and_that_ones_pair_and_no_more(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(WITH_SEEDS_TO_SPARE)
    cli("advance", "--all", home=home)
    why = cli("explain", "quick", "--phase", "second", "--json", home=home).json
    cli("exclude", why["criteria"][0]["run_ids"][0], "--reason", "a cable was loose", home=home)
    reply = cli("advance", "--all", "--json", home=home).json
    assert sum(step["runs_launched"] for step in reply["steps"]) == 2


def test_a_journal_that_is_deleted_is_rebuilt_from_mlflow(own_home: Path) -> None:
    def shown() -> list[object]:
        words = [["status"], ["explain", "quick", "--phase", "first"], ["override", "quick", "--list"]]
        replies = [cli(*w, "--json", home=own_home).json for w in words]
        replies[0]["programs"][0]["spent"]["seconds"] = None  # MLflow holds them rounded
        return replies

    before = shown()
    for path in (own_home / "mlruns").glob("journal.db*"):
        path.unlink()
    assert shown() == before
    assert (own_home / "mlruns" / "journal.db").exists()
