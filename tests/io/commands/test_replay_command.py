"""``replay`` and ``memo --verify`` on a real home: every sort of tampering is told as what it is."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from planner.errors import StoreUnavailable, UsageError
from planner.io.commands.replay import replay_program
from planner.io.commands.verify_memo import Verified, as_lines, verify_memos
from planner.io.journal.journal import Journal
from planner.io.store.run_store import MlflowRuns
from planner.paths import Home
from planner.records.base import digest_of
from planner.replay.report import ReplayReport, as_json
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import cli, contents

pytestmark = pytest.mark.in_turn

MEMO = Path("knowledge") / "memos" / "quick" / "first.md"


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def home(own_home: Path) -> Home:
    return Home(own_home)


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as db, db:
        yield db


def kinds_and_ids(outcome: ReplayReport) -> set[tuple[str, str]]:
    return {(difference.kind, difference.id) for difference, _ in outcome.differences}


def said(outcome: ReplayReport) -> str:
    return "\n".join(difference.what for difference, _ in outcome.differences)


def a_run(home: Home, arm: str = "worse", seed: str = "1") -> str:
    """The id of that arm's run."""
    query = (
        "SELECT a.run_uuid FROM tags a JOIN tags b USING (run_uuid) WHERE a.key = 'planner.arm' "
        "AND a.value = ? AND b.key = 'planner.seed' AND b.value = ?"
    )
    with database(home.database) as db:
        run_rows = db.execute(query, (arm, seed)).fetchall()
    return str(run_rows[0][0])


# --- nothing differs -----------------------------------------------------------------------------


def test_a_judged_home_comes_out_and_nothing_in_it_is_touched(home: Home) -> None:
    before = contents(home.root)
    outcome = replay_program(home, "quick")
    assert outcome.ok
    assert outcome.count("decision")["equal"] == outcome.count("decision")["recorded"] > 2
    assert all(one.ok for one in verify_memos(home, "quick", None))
    after = contents(home.root)
    same = {name for name in before if before[name] == after.get(name)}
    assert {name for name in (*before, *after) if name not in same} <= {
        f"mlruns/{name}"
        for name in ("locks", "locks/mlflow.lock", "mlflow.db", "mlflow.db-wal", "mlflow.db-shm")
    }


def test_rows_that_lie_in_another_order_change_nothing(home: Home) -> None:
    before = as_json(replay_program(home, "quick"))
    for seed, table in enumerate(("runs", "metrics", "latest_metrics", "params", "tags", "inputs")):
        with database(home.database) as db:
            rows = db.execute(f"SELECT * FROM {table}").fetchall()
            random.Random(seed).shuffle(rows)
            db.execute(f"DELETE FROM {table}")
            marks = ", ".join("?" * len(rows[0]))
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    assert as_json(replay_program(home, "quick")) == before


@pytest.mark.slow
def test_another_time_zone_and_hash_seed_change_nothing(own_home: Path) -> None:
    places = [
        {},
        {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "12345"},
        {"TZ": "America/Adak", "PYTHONHASHSEED": "7"},
    ]
    replies = [cli("replay", "quick", "--json", home=own_home, env=env) for env in places]
    assert {reply.code for reply in replies} == {0}
    assert len({reply.out for reply in replies}) == 1
    assert replies[0].json["ok"]
    assert_fits(replies[0].json, "replay")


def test_without_a_journal_the_records_of_mlflow_are_replayed_and_none_is_made(home: Home) -> None:
    before = replay_program(home, "quick")
    for file in home.mlruns.glob("journal.db*"):
        file.unlink()
    outcome = replay_program(home, "quick")
    assert outcome.ok
    assert {one.id for one in outcome.replayed} == {one.id for one in before.replayed}
    assert set(outcome.elsewhere) == {one.id for one in outcome.replayed}
    assert not home.journal.exists()


def test_a_store_that_is_gone_is_said_to_be_and_a_home_without_records_has_nothing_to_replay(
    home: Home,
) -> None:
    journal = Journal(home.journal)
    finished = [work for work in journal.work("quick") if work.state == "finished"]
    records = len(journal.entries("quick")) + len(finished)
    home.database.unlink()
    with pytest.raises(
        StoreUnavailable, match=f"mlflow.db is gone, and the journal knows of {records} records"
    ):
        replay_program(home, "quick")
    for file in home.mlruns.glob("journal.db*"):
        file.unlink()
    assert replay_program(home, "quick").replayed == []
    with pytest.raises(UsageError, match="has not been judged"):
        verify_memos(home, "quick", "first")
    assert not home.database.exists()


# --- evidence ------------------------------------------------------------------------------------


def test_a_metric_logged_again_in_mlflow_is_evidence_of_that_run(home: Home) -> None:
    run = a_run(home)
    MlflowRuns(home).client.log_metric(run, "score", 9.5, step=3)
    outcome = replay_program(home, "quick")
    assert kinds_and_ids(outcome) == {("evidence", run)}
    assert re.search(r"worse, seed 1: score was -?\d\.\d+, is 9\.5", said(outcome))
    assert outcome.count("decision")["differ"] > 0


def test_a_metric_edited_beneath_mlflow_is_evidence_of_that_run(home: Home) -> None:
    run = a_run(home, "base", "2")
    with database(home.database) as db:
        for table in ("metrics", "latest_metrics"):
            db.execute(
                f"UPDATE {table} SET value = value + 0.001 WHERE run_uuid = ? AND key = 'score'", (run,)
            )
    outcome = replay_program(home, "quick")
    assert kinds_and_ids(outcome) == {("evidence", run)}
    assert "base, seed 2: score was" in said(outcome)


def test_a_deleted_run_is_evidence_that_is_missing(home: Home) -> None:
    run = a_run(home)
    MlflowRuns(home).client.delete_run(run)
    outcome = replay_program(home, "quick")
    assert kinds_and_ids(outcome) == {("evidence", run)}
    assert "in MLflow no more" in said(outcome)


# --- rules ---------------------------------------------------------------------------------------


def test_an_edited_program_is_rules_with_old_and_new(home: Home) -> None:
    path = home.program("quick")
    path.write_text(path.read_text().replace("better_by: 0.2", "better_by: 0.3"))
    outcome = replay_program(home, "quick")
    assert {kind for kind, _ in kinds_and_ids(outcome)} == {"rules"}
    assert "phase.criteria.higher.better_by: 0.2 -> 0.3" in said(outcome)


# --- records -------------------------------------------------------------------------------------


def edit_journal(home: Home, kind: str, recomputed: bool, **fields: Any) -> tuple[str, str]:
    """Changes a record of the first phase in the journal; its id before and after."""
    with database(home.journal) as db:
        query = (
            "SELECT position, id, body FROM records WHERE kind = ? AND phase = 'first' ORDER BY position DESC"
        )
        position, old, body = db.execute(query, (kind,)).fetchone()
        content = {**json.loads(body), **fields}
        if recomputed:
            content.pop("id")
            content["id"] = f"{old[0]}-{digest_of(content)}"
        body = json.dumps(content)
        db.execute("UPDATE records SET id = ?, body = ? WHERE position = ?", (content["id"], body, position))
    return old, content["id"]


@pytest.mark.parametrize("kind", ["verdict", "decision"])
def test_an_edited_journal_is_a_record_and_the_others_are_still_replayed(home: Home, kind: str) -> None:
    fields = {"verdict": {"outcome": "pass"}, "decision": {"choice": "repeat"}}[kind]
    old, _ = edit_journal(home, kind, False, **fields)
    outcome = replay_program(home, "quick")
    assert kinds_and_ids(outcome) == {("record", old)}
    assert all(one.equal for one in outcome.replayed)  # from the copy that MLflow holds
    assert f"{next(iter(fields))}: " in said(outcome)
    assert f"{next(iter(fields.values()))} in the journal" in said(outcome)
    assert not outcome.ok


@pytest.mark.parametrize("kind", ["verdict", "decision"])
def test_an_edited_journal_with_a_digest_made_to_fit_is_a_record_too(home: Home, kind: str) -> None:
    fields = {"verdict": {"seconds": 0.5}, "decision": {"reason": "because"}}[kind]
    _, new = edit_journal(home, kind, True, **fields)
    outcome = replay_program(home, "quick")
    assert kinds_and_ids(outcome) == {("record", new)}
    assert f"{next(iter(fields))}: " in said(outcome)
    assert f"{next(iter(fields.values()))} in the journal" in said(outcome)


def test_a_record_edited_in_both_places_with_fitting_digests_does_not_follow_from_its_evidence(
    home: Home,
) -> None:
    old, new = edit_journal(home, "decision", True, reason="because")
    with database(home.journal) as db:
        body = db.execute("SELECT body FROM records WHERE id = ?", (new,)).fetchone()[0]
        other = "SELECT id FROM records WHERE phase = 'first'"
        assert old not in {row[0] for row in db.execute(other)}
    with database(home.database) as db:
        db.execute("UPDATE tags SET value = ? WHERE key = 'planner.record_id' AND value = ?", (new, old))
    file = next(f for f in home.artifacts.rglob("record.json") if old in f.read_text())
    file.write_text(body)
    outcome = replay_program(home, "quick")
    assert ("record", new) in kinds_and_ids(outcome)
    assert {kind for kind, _ in kinds_and_ids(outcome)} == {"record"}
    assert "reason: because on record" in said(outcome)


def test_a_record_edited_in_mlflow_is_a_record(home: Home) -> None:
    file = next(f for f in home.artifacts.rglob("record.json") if '"choice":"turn_round"' in f.read_text())
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "choice": "repeat"}))
    outcome = replay_program(home, "quick")
    assert kinds_and_ids(outcome) == {("record", record["id"])}
    assert "choice: turn_round in the journal, repeat in MLflow" in said(outcome)
    file.unlink()
    assert "cannot be read" in said(replay_program(home, "quick"))


def test_a_record_that_mlflow_lost_is_a_record(home: Home) -> None:
    with database(home.journal) as db:
        record, run = db.execute("SELECT id, mlflow_run FROM records WHERE kind = 'decision'").fetchone()
    MlflowRuns(home).client.delete_run(run)
    outcome = replay_program(home, "quick")
    assert kinds_and_ids(outcome) == {("record", record)}
    assert "MLflow holds it no more" in said(outcome)


def test_a_row_that_is_taken_out_of_the_journal_is_read_from_mlflow(home: Home) -> None:
    before = {one.id for one in replay_program(home, "quick").replayed}
    with database(home.journal) as db:
        db.execute("DELETE FROM records WHERE kind = 'verdict' AND phase = 'second'")
    outcome = replay_program(home, "quick")
    assert outcome.ok
    assert {one.id for one in outcome.replayed} == before
    assert len(outcome.elsewhere) == 1


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_tells_the_differences_and_exits_1(own_home: Path) -> None:
    home = Home(own_home)
    run = a_run(home)
    MlflowRuns(home).client.log_metric(run, "score", 9.5, step=3)
    reply = cli("replay", "quick", home=own_home)
    assert (reply.code, reply.err) == (1, "")
    assert any(line.startswith(f"evidence {run}: worse, seed 1: score was") for line in reply.out.split("\n"))
    assert cli("replay", "nothing", home=own_home).code == 2
    path = home.program("quick")
    path.write_text(path.read_text().replace("gate: [higher]", "gate: [hihger]"))
    assert cli("replay", "quick", home=own_home).code == 65
    reply = cli("replay", "quick", home=own_home, env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    assert reply.code == 65


@pytest.mark.slow
def test_the_command_tells_what_an_edited_program_would_have_made_of_the_past(
    own_home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "an edited program.yaml"
    text = Home(own_home).program("quick").read_text()
    path.write_text(text.replace("unless: [higher]", "when: [higher]").replace("down: triage", "down: stop"))
    reply = cli("replay", "quick", "--rules", str(path), "--json", home=own_home)
    assert reply.code == 0
    assert_fits(reply.json, "replay-rules")
    (walk,) = reply.json["ways"]
    assert {one["phase"]: one["edited"] is None for one in walk["phases"]} == {
        "first": False,
        "second": False,
    }
    path.write_text(text.replace("next: {up: stop, down: triage}", "next: {up: stop, down: stop}"))
    reply = cli("replay", "quick", "--rules", str(path), home=own_home)
    assert reply.code == 0
    assert "action take_option -> stop" in reply.out
    assert "second: pass Case up (confirmed), then stop -> not reached; 3 runs -> 0, 3 saved" in reply.out
    path.write_text(text.replace("program: quick", "program: other"))
    assert cli("replay", "quick", "--rules", str(path), home=own_home).code == 2
    path.write_text(text.replace("gate: [higher]", "gate: [hihger]"))
    reply = cli("replay", "quick", "--rules", str(path), home=own_home)
    assert (reply.code, f"{path}:" in reply.err) == (65, True)


# --- memos ---------------------------------------------------------------------------------------


def verified(home: Home, phase: str = "first") -> Verified:
    (memo,) = verify_memos(home, "quick", phase)
    return memo


def test_a_changed_digit_in_a_memo_is_found_and_named_in_every_section(home: Home) -> None:
    path = home.root / MEMO
    text = path.read_text()
    lines = text.split("\n")
    begins = [i for i, line in enumerate(lines) if line.startswith("## ")]
    for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        where = next((i for i in range(begin, end) if any(map(str.isdigit, lines[i]))), None)
        if where is None:
            continue
        changed = re.sub(r"\d", lambda d: str(9 - int(d[0])), lines[where], count=1)
        path.write_text("\n".join([*lines[:where], changed, *lines[where + 1 :]]))
        memo = verified(home)
        slips = [slip for location, slip in memo.slips if location == str(path) and slip.kind == "number"]
        assert [(s.line, s.section) for s in slips] == [(where + 1, lines[begin].removeprefix("## "))]
        assert any(line.startswith(f"{path}:{where + 1} (") for line in as_lines([memo]))
        assert not memo.ok
    path.write_text(text)
    assert verified(home).ok


def test_a_changed_digit_in_the_memo_that_mlflow_shows_is_found_too(home: Home) -> None:
    shown = (home.root / MEMO).read_text()
    (file,) = (f for f in home.artifacts.rglob("memo.md") if f.read_text() == shown)
    file.write_text(file.read_text().replace("(n 3,", "(n 4,"))
    ((where, slip),) = verified(home).slips
    assert where.startswith("memo.md of MLflow run")
    assert (slip.section, slip.says, slip.gives) == ("TL;DR", "4", "3")


def test_an_edited_metric_is_named_with_what_the_memo_says_and_what_the_run_gives(home: Home) -> None:
    run = a_run(home)
    MlflowRuns(home).client.log_metric(run, "score", 9.5, step=3)
    memo = verified(home)
    assert {slip.section for _, slip in memo.slips} >= {"TL;DR", "Results", "Criteria"}
    assert [(d.kind, d.id) for d in memo.because] == [("evidence", run)]
    assert all(slip.kind == "number" for _, slip in memo.slips if slip.section == "Results")


def test_a_memo_of_which_a_run_is_gone_says_which(home: Home) -> None:
    run = a_run(home)
    MlflowRuns(home).client.delete_run(run)
    assert [(d.kind, d.id) for d in verified(home).because] == [("evidence", run)]
    assert verified(home, "second").ok


def test_a_figure_or_memo_that_is_gone_is_named(home: Home) -> None:
    path = home.root / MEMO
    figure = next(path.parent.glob("figures/first-*.png"))
    figure.unlink()
    ((where, slip),) = verified(home).slips
    assert (where, slip.kind, slip.says) == (str(path), "figure", f"figures/{figure.name}")
    path.unlink()
    assert [slip.kind for _, slip in verified(home).slips] == ["missing"]


@pytest.mark.slow
def test_the_command_verifies_every_memo_and_exits_1_where_one_is_wrong(own_home: Path) -> None:
    reply = cli("memo", "quick", "--verify", "--json", home=own_home)
    assert reply.code == 0
    assert_fits(reply.json, "memo-verify")
    assert {memo["phase"] for memo in reply.json["memos"]} == {"first", "second"}
    path = own_home / MEMO
    path.write_text(path.read_text().replace("(n 3,", "(n 4,"))
    reply = cli("memo", "quick", "first", "--verify", home=own_home)
    assert reply.code == 1
    assert f"{path}:" in reply.out
    assert "says 4, the runs give 3" in reply.out
    assert cli("memo", "quick", "no_phase", "--verify", home=own_home).code == 2
