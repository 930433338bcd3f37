"""The journal: what is written stays in order, and what cannot be read is said in one sentence."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from planner.engine.ports import EndedRun
from planner.errors import RecordError, StoreUnavailable
from planner.io.journal.database import SCHEMA, STEPS
from planner.io.journal.journal import Journal
from planner.records.base import canonical, digest_of
from planner.records.journal_entry import body_of, from_body, kind_of
from tests.support.worlds import override, runs_of, scores, small, stand

PROGRAM = small({"seeds_per_arm": 3})
STEP = stand(PROGRAM, runs_of(PROGRAM, "first", scores())).steps[0]
OTHER = stand(PROGRAM, runs_of(PROGRAM, "first", scores(new=3.0))).steps[0]
AT = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "a folder" / "journal.db")


def alter(journal: Journal, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(journal.path)) as db, db:
        db.execute(statement, values)


READS: list[Callable[[Journal], object]] = [
    lambda journal: journal.entries("small"),
    lambda journal: journal.work("small"),
    lambda journal: journal.described("key"),
]


@pytest.mark.parametrize("read", READS)
def test_a_journal_that_is_not_there_reads_as_empty_and_is_not_made(
    journal: Journal, read: Callable[[Journal], object]
) -> None:
    assert not read(journal)
    assert not journal.path.exists()


@pytest.mark.parametrize("use", [*READS, lambda journal: journal.note_described({"key": "body"})])
def test_a_journal_that_is_removed_while_it_is_used_is_neither_empty_nor_begun_anew(
    journal: Journal, use: Callable[[Journal], object]
) -> None:
    journal.add(STEP.verdict, AT)
    for file in journal.path.parent.glob("journal.db*"):
        file.unlink()
    with pytest.raises(StoreUnavailable, match="was removed while this command was at work; run the same"):
        use(journal)
    assert not journal.path.exists()


def test_records_come_back_in_the_order_of_writing(journal: Journal) -> None:
    records = [STEP.verdict, STEP.decision, override(PROGRAM, "first", choose="repeat")]
    assert [journal.add(record, AT) for record in records] == [True, True, True]
    entries = journal.entries("small")
    assert [entry.record for entry in entries] == records
    assert [entry.position for entry in entries] == [1, 2, 3]
    assert {entry.written_at for entry in entries} == {AT}
    assert journal.entries("another") == []


def test_the_last_word_is_not_written_twice(journal: Journal) -> None:
    assert journal.add(STEP.verdict, AT)
    assert not journal.add(STEP.verdict, "2026-01-02T00:00:00+00:00")


def test_a_verdict_that_stands_again_is_written_again_and_has_to_be_mirrored_again(journal: Journal) -> None:
    journal.add(STEP.verdict, AT)
    journal.mark_mirrored(STEP.verdict.id, "place")
    journal.add(OTHER.verdict, AT)
    assert journal.add(STEP.verdict, AT)
    entries = journal.entries("small")
    assert [e.record.id for e in entries] == [STEP.verdict.id, OTHER.verdict.id, STEP.verdict.id]
    assert [(e.mirrored, e.mlflow_run) for e in entries] == [(True, "place"), (False, None), (False, "place")]


def test_an_override_is_written_once_however_often_it_is_told(journal: Journal) -> None:
    overridden = override(PROGRAM, "first", choose="repeat")
    journal.add(overridden, AT)
    journal.add(override(PROGRAM, "first", choose="turn"), AT)
    assert not journal.add(overridden, AT)


@pytest.mark.parametrize("record", [STEP.verdict, STEP.decision, override(PROGRAM, "first", choose="turn")])
def test_a_record_survives_its_text(record: object) -> None:
    assert from_body(kind_of(record), body_of(record)) == record  # type: ignore[arg-type]


def test_an_altered_record_is_named(journal: Journal) -> None:
    journal.add(STEP.verdict, AT)
    alter(journal, "UPDATE records SET body = replace(body, 'fail', 'pass')")
    with pytest.raises(RecordError, match=f"{STEP.verdict.id} in the journal .* was altered") as caught:
        journal.entries("small")
    assert caught.value.exit_code == 65


def test_a_record_of_an_unknown_kind_is_named_and_not_passed_over(journal: Journal) -> None:
    journal.add(STEP.verdict, AT)
    alter(journal, "UPDATE records SET kind = 'verdicu'")
    with pytest.raises(RecordError, match=STEP.verdict.id):
        journal.entries("small", kinds=("decision",))


@pytest.mark.parametrize("read", READS)
def test_garbage_is_one_sentence_with_what_to_do(journal: Journal, read: Callable[[Journal], object]) -> None:
    journal.path.parent.mkdir()
    journal.path.write_bytes(b"this is no database at all" * 300)
    with pytest.raises(StoreUnavailable, match="'phasegate doctor --repair' moves it away and rebuilds it"):
        read(journal)


@pytest.mark.parametrize("read", [*READS, lambda journal: journal.add(STEP.decision, AT)])
@pytest.mark.parametrize("left", ["nothing", "no tables", "no schema"])
def test_an_emptied_journal_is_damaged_and_not_empty(
    journal: Journal, read: Callable[[Journal], object], left: str
) -> None:
    journal.add(STEP.verdict, AT)
    if left == "nothing":
        journal.path.write_bytes(b"")
    elif left == "no tables":
        journal.path.unlink()
        alter(journal, "CREATE TABLE other (key TEXT)")
    else:
        alter(journal, "DELETE FROM meta")
    with pytest.raises(StoreUnavailable, match="is damaged .*'phasegate doctor --repair'"):
        read(journal)


@pytest.mark.parametrize("read", [*READS, lambda journal: journal.add(STEP.decision, AT)])
def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(
    journal: Journal, read: Callable[[Journal], object]
) -> None:
    journal.add(STEP.verdict, AT)
    alter(journal, "UPDATE meta SET value = '99'")
    with pytest.raises(StoreUnavailable, match=f"has schema 99 and this version knows {SCHEMA}"):
        read(journal)
    alter(journal, f"UPDATE meta SET value = '{SCHEMA}'")
    assert len(journal.entries("small")) == 1


def of_first_schema(journal: Journal) -> None:
    """Makes a journal as the first version did, with a run that is being made in it."""
    journal.path.parent.mkdir()
    with closing(sqlite3.connect(journal.path)) as db, db:
        for statement in STEPS[0]:
            db.execute(statement)
        row = "'f', 1, 'small', '{}', 'folder', 'started', 7, 0.5, 'a host', 1.0, 'run', NULL, 0.0, 1.0"
        db.execute(f"INSERT INTO work VALUES ({row})")


def schema_in(journal: Journal) -> str:
    with closing(sqlite3.connect(journal.path)) as db:
        return str(db.execute("SELECT value FROM meta").fetchone()[0])


def test_a_reader_of_an_earlier_schema_leaves_it_and_the_first_writer_brings_it_up(journal: Journal) -> None:
    of_first_schema(journal)
    before = journal.work("small")
    assert [w.pid for w in before] == [7]
    assert (journal.entries("small"), journal.described("key")) == ([], None)
    assert schema_in(journal) == "1"
    journal.add(STEP.verdict, AT)
    assert schema_in(journal) == str(SCHEMA)
    assert journal.work("small") == before
    assert [e.record for e in journal.entries("small")] == [STEP.verdict]


def test_a_migration_that_is_cut_off_changes_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_first_schema(journal)
    cut = (STEPS[0], (*STEPS[1][:3], "SELECT * FROM the_power_went_away"))
    monkeypatch.setattr("planner.io.journal.database.STEPS", cut)
    with pytest.raises(StoreUnavailable):
        journal.add(STEP.verdict, AT)
    monkeypatch.undo()
    assert schema_in(journal) == "1"
    assert [w.pid for w in journal.work("small")] == [7]
    journal.add(STEP.verdict, AT)
    assert len(journal.work("small")) == 1


def test_many_first_writers_make_one_journal_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    records = [override(PROGRAM, "first", choose="repeat", reason=f"reason {i}") for i in range(8)]

    def write(record: object) -> None:
        Journal(path, durable=False).add(record, AT)  # type: ignore[arg-type]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, records))
    assert {e.record.id for e in Journal(path).entries("small")} == {r.id for r in records}
    assert [p.name for p in tmp_path.iterdir() if "new" in p.name] == []


def test_two_programs_that_make_the_same_run_each_have_their_own_row(journal: Journal) -> None:
    for program in ("small", "other"):
        journal.plan_work("f", 1, program, {}, program)
    journal.update_work("other", "f", 1, state="finished")
    assert [w.state for w in journal.work("small")] == ["planned"]
    assert [w.state for w in journal.work("other")] == ["finished"]


def test_what_an_earlier_journal_left_beside_it_is_not_read_into_a_new_one(journal: Journal) -> None:
    journal.add(STEP.verdict, AT)
    stray = journal.path.with_name("journal.db-wal")
    journal.path.unlink()
    stray.write_bytes(b"pages of another journal")
    another = Journal(journal.path)
    another.add(STEP.decision, AT)
    assert [e.record for e in another.entries("small")] == [STEP.decision]
    (kept,) = (journal.path.parent / "quarantine").iterdir()
    assert kept.read_bytes() == b"pages of another journal"


@pytest.mark.parametrize("kind", ["verdict", "decision"])
def test_a_record_of_an_earlier_version_keeps_the_text_by_which_it_is_named(
    journal: Journal, kind: str
) -> None:
    record = STEP.verdict if kind == "verdict" else STEP.decision
    content = record.model_dump(mode="json", exclude={"id", "turnings", "floors", "inputs"})
    content["id"] = f"{kind[0]}-{digest_of(content)}"
    earlier = from_body(kind, canonical(content))
    journal.add(earlier, AT)
    (copy,) = journal.copies("small")
    assert json.loads(copy.body or "") == content
    assert journal.entries("small")[0].record == earlier


def test_work_moves_on_step_by_step(journal: Journal) -> None:
    journal.plan_work("f", 1, "small", {"arm": "new"}, "folder")
    (work,) = journal.work("small")
    assert (work.state, work.planned, work.mlflow_run) == ("planned", {"arm": "new"}, None)
    journal.update_work("small", "f", 1, state="started", mlflow_run="run")
    assert journal.work("small", unfinished_only=True)[0].mlflow_run == "run"
    journal.update_work("small", "f", 1, state="finished", outcome="ok", seconds=2.0)
    assert journal.work("small", unfinished_only=True) == []
    with pytest.raises(TypeError, match="no such column: colour"):
        journal.update_work("small", "f", 1, colour="red")


def test_finished_runs_of_others_are_filled_in_without_touching_ours(journal: Journal) -> None:
    journal.plan_work("f", 1, "small", {}, "folder")
    journal.note_finished("small", [EndedRun("f", 1, "run", "ok", 1.0), EndedRun("g", 1, "other", "ok", 3.0)])
    assert {(w.fingerprint, w.state) for w in journal.work("small")} == {("f", "planned"), ("g", "finished")}


def test_descriptions_are_kept(journal: Journal) -> None:
    assert journal.described("key") is None
    journal.note_described({"key": "body"})
    assert journal.described("key") == "body"


@pytest.mark.parametrize("damage", ["state = 'finishee'", "planned = '{'", "state = CAST(X'66ff' AS TEXT)"])
def test_a_run_whose_row_is_damaged_is_named_and_taken_for_nothing(journal: Journal, damage: str) -> None:
    """Taken for unfinished, a finished run would be ended as lost and made again."""
    journal.note_finished("small", [EndedRun("f", 1, "run", "ok", 1.0)])
    alter(journal, f"UPDATE work SET {damage}")
    with pytest.raises(RecordError, match="run f in the journal"):
        journal.work("small", unfinished_only="state" in damage)
