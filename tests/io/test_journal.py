"""The journal: what is written stays in order, and what cannot be read is said in one sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from worlds import override, runs_of, scores, small, stand

from planner.errors import StoreUnavailable
from planner.io.entries import from_body, kind_of
from planner.io.journal import Journal
from planner.records import canonical

PROGRAM = small()
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


def test_records_come_back_in_the_order_of_writing(journal: Journal) -> None:
    records = [STEP.verdict, STEP.decision, override(PROGRAM, "first", choose="repeat")]
    assert [journal.add(record, AT) for record in records] == [True, True, True]
    entries = journal.entries("small")
    assert [entry.record for entry in entries] == records
    assert [entry.position for entry in entries] == [1, 2, 3]
    assert {entry.at for entry in entries} == {AT}
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
    told = override(PROGRAM, "first", choose="repeat")
    journal.add(told, AT)
    journal.add(override(PROGRAM, "first", choose="turn"), AT)
    assert not journal.add(told, AT)


@pytest.mark.parametrize("record", [STEP.verdict, STEP.decision, override(PROGRAM, "first", choose="turn")])
def test_a_record_survives_its_text(record: object) -> None:
    text = canonical(record.model_dump(mode="json"))  # type: ignore[attr-defined]
    assert from_body(kind_of(record), text) == record  # type: ignore[arg-type]


def test_an_altered_record_is_named(journal: Journal) -> None:
    journal.add(STEP.verdict, AT)
    alter(journal, "UPDATE records SET body = replace(body, 'fail', 'pass')")
    with pytest.raises(StoreUnavailable, match=f"{STEP.verdict.id} was altered"):
        journal.entries("small")


@pytest.mark.parametrize("read", READS)
def test_garbage_is_one_sentence_with_what_to_do(journal: Journal, read: Callable[[Journal], object]) -> None:
    journal.path.parent.mkdir()
    journal.path.write_bytes(b"this is no database at all" * 300)
    with pytest.raises(StoreUnavailable, match="move it away, and the next advance rebuilds it"):
        read(journal)


@pytest.mark.parametrize("read", [*READS, lambda journal: journal.add(STEP.decision, AT)])
def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(
    journal: Journal, read: Callable[[Journal], object]
) -> None:
    journal.add(STEP.verdict, AT)
    alter(journal, "UPDATE meta SET value = '2'")
    with pytest.raises(StoreUnavailable, match="has schema 2 and this version knows 1"):
        read(journal)
    alter(journal, "UPDATE meta SET value = '1'")
    assert len(journal.entries("small")) == 1


def test_work_moves_on_step_by_step(journal: Journal) -> None:
    journal.plan_work("f", 1, "small", {"arm": "new"}, "folder")
    (work,) = journal.work("small")
    assert (work.state, work.planned, work.mlflow_run) == ("planned", {"arm": "new"}, None)
    journal.update_work("f", 1, state="started", mlflow_run="run")
    assert journal.work("small", unfinished_only=True)[0].mlflow_run == "run"
    journal.update_work("f", 1, state="finished", outcome="ok", seconds=2.0)
    assert journal.work("small", unfinished_only=True) == []
    with pytest.raises(TypeError, match="no such column: colour"):
        journal.update_work("f", 1, colour="red")


def test_finished_runs_of_others_are_filled_in_without_touching_ours(journal: Journal) -> None:
    journal.plan_work("f", 1, "small", {}, "folder")
    journal.note_finished("small", [("f", 1, "run", "ok", 1.0), ("g", 1, "other", "ok", 3.0)])
    assert {(w.fingerprint, w.state) for w in journal.work("small")} == {("f", "planned"), ("g", "finished")}


def test_descriptions_are_kept(journal: Journal) -> None:
    assert journal.described("key") is None
    journal.note_described({"key": "body"})
    assert journal.described("key") == "body"
