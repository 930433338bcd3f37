"""What every store of records promises: MLflow on SQLite, and its twin in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from planner.engine.ports import RecordStore
from planner.io.in_memory import MemoryRecords
from planner.io.mlflow import tags
from planner.io.store.record_store import MlflowRecords, short_note
from planner.io.store.run_store import MlflowRuns
from planner.language.program import build
from planner.paths import Home
from planner.records.decision import Decision
from planner.records.journal_entry import body_of
from planner.records.person import Exclusion, Keep, Revocation
from planner.records.verdict import Verdict
from tests.support.worlds import foreign_run, override, runs_of, scores, small, stand

PROGRAM = small()
STEP = stand(PROGRAM, runs_of(PROGRAM, "first", scores())).steps[0]
VERDICT: Verdict = STEP.verdict
DECISION: Decision = STEP.decision
AT = "2026-01-01T00:00:00+00:00"
LATER = "2026-01-02T00:00:00+00:00"


@pytest.fixture(params=["mlflow", "memory"])
def store(request: pytest.FixtureRequest, new_home: Callable[[], Home]) -> RecordStore:
    if request.param == "memory":
        return MemoryRecords()
    runs = MlflowRuns(new_home())
    runs.experiment(PROGRAM)
    return MlflowRecords(runs)


class TestRecordStore:
    def close(self, store: RecordStore, verdict: Verdict = VERDICT) -> str:
        page = store.phase_run(PROGRAM, verdict.phase, verdict.fidelity)
        store.write_verdict(page, verdict, AT)
        return page

    def test_an_empty_store_holds_nothing(self, store: RecordStore) -> None:
        assert dict(store.held(PROGRAM)) == {}
        assert list(store.copies(PROGRAM)) == []

    def test_an_open_attempt_is_taken_up_again_until_it_has_its_verdict(self, store: RecordStore) -> None:
        page = store.phase_run(PROGRAM, "first", "standard")
        assert store.phase_run(PROGRAM, "first", "standard") == page
        assert store.phase_run(PROGRAM, "first", "smoke") != page
        assert store.phase_run(PROGRAM, "second", "standard") != page
        store.write_verdict(page, VERDICT, AT)
        assert store.phase_run(PROGRAM, "first", "standard") != page

    def test_every_record_comes_back_as_it_was_written(self, store: RecordStore) -> None:
        page = self.close(store)
        about = store.write_decision(DECISION, VERDICT, page, "a note", AT)
        names = {"program": "small", "by": "ada", "at": AT, "reason": "a reason"}
        people = [
            override(PROGRAM, "first", choose="repeat"),
            Revocation(**names, phase="first", override_id="o-1").identified("r"),
            Exclusion(**names, phase="first", run_id="abc").identified("x"),
            Keep(**names, old=("code-1",), new="code-2").identified("k"),
        ]
        for record in people:
            store.write_person(record, about, "a note", AT)
        loaded = {copy.id: copy.read() for copy in store.copies(PROGRAM)}
        assert loaded == {r.id: r for r in (VERDICT, DECISION, *people)}
        assert set(store.held(PROGRAM)) == set(loaded)

    def test_copies_hold_the_text_of_every_record_as_it_was_written(self, store: RecordStore) -> None:
        page = self.close(store)
        about = store.write_decision(DECISION, VERDICT, page, "a note", AT)
        copies = {copy.id: copy for copy in store.copies(PROGRAM)}
        assert [copy.read() for copy in copies.values()] == [VERDICT, DECISION]
        assert {copy.mlflow_run for copy in copies.values()} == {page, about}
        assert copies[VERDICT.id].body == body_of(VERDICT)
        assert all(copy.mirrored and copy.written_at == AT for copy in copies.values())

    def test_the_memo_on_a_page_is_read_back_and_none_where_there_is_none(self, store: RecordStore) -> None:
        page = self.close(store)
        assert store.memo(page) is None
        store.write_memo(page, "# a memo\n", "a note", [], {})
        assert store.memo(page) == "# a memo\n"

    def test_a_second_reader_finds_what_the_first_wrote(self, store: RecordStore) -> None:
        page = self.close(store)
        other = MlflowRecords(store._runs) if isinstance(store, MlflowRecords) else store
        assert dict(other.held(PROGRAM)) == {VERDICT.id: page}

    def test_records_come_in_the_order_in_which_they_became_the_last_word(self, store: RecordStore) -> None:
        page = self.close(store)
        about = store.write_decision(DECISION, VERDICT, page, "a note", AT)
        overridden = store.write_person(override(PROGRAM, "first", choose="repeat"), about, "a note", AT)
        store.stood(page, AT, 10)
        store.stood(about, AT, 9)
        store.stood(overridden, AT, 2)
        store.stood(about, LATER, 11)
        store.stood(about, LATER, 11)
        assert [(copy.written_at, copy.mlflow_run) for copy in store.copies(PROGRAM)] == [
            (AT, overridden),
            (AT, about),
            (AT, page),
            (LATER, about),
        ]

    def test_a_clock_that_was_put_back_changes_no_order(self, store: RecordStore) -> None:
        page = self.close(store)
        about = store.write_decision(DECISION, VERDICT, page, "a note", AT)
        store.stood(page, LATER, 1)
        store.stood(about, AT, 2)
        assert [(copy.mlflow_run, copy.position) for copy in store.copies(PROGRAM)] == [(page, 1), (about, 2)]

    def test_a_verdict_comes_before_its_decision_where_nothing_else_orders_them(
        self, store: RecordStore
    ) -> None:
        page = self.close(store)
        store.write_decision(DECISION, VERDICT, page, "a note", AT)
        assert [copy.kind for copy in store.copies(PROGRAM)] == ["verdict", "decision"]

    def test_a_decision_that_has_no_place_yet_comes_after_its_verdict_that_has_one(
        self, store: RecordStore
    ) -> None:
        page = self.close(store)
        store.stood(page, AT, 3)
        store.write_decision(DECISION, VERDICT, page, "a note", AT)
        assert [copy.kind for copy in store.copies(PROGRAM)] == ["verdict", "decision"]

    def test_a_memo_is_put_on_the_page_of_its_phase(self, store: RecordStore, tmp_path: Path) -> None:
        figure = tmp_path / "figure.png"
        figure.write_bytes(b"a picture")
        store.write_memo(self.close(store), "# memo", "# memo", [figure], {"schema": "phasegate.explain/1"})


# --- what only MLflow can show -------------------------------------------------------------------


@pytest.fixture
def records(new_home: Callable[[], Home]) -> MlflowRecords:
    runs = MlflowRuns(new_home())
    runs.experiment(PROGRAM)
    return MlflowRecords(runs)


def test_the_page_of_a_phase_shows_verdict_and_memo(records: MlflowRecords) -> None:
    page = records.phase_run(PROGRAM, "first", "standard")
    records.write_verdict(page, VERDICT, AT)
    records.write_memo(page, "# the memo", "# the memo", [], {})
    raw = records._client.get_run(page)
    assert raw.data.tags[tags.VERDICT] == "fail"
    assert raw.data.tags[tags.NOTE] == "# the memo"
    assert raw.info.status == "FINISHED"
    assert "score/base" in raw.data.metrics


def test_an_altered_record_is_not_believed(records: MlflowRecords) -> None:
    page = records.phase_run(PROGRAM, "first", "standard")
    records.write_verdict(page, VERDICT, AT)
    altered = VERDICT.model_copy(update={"outcome": "pass"}).model_dump_json()
    records._client.log_text(page, altered, tags.RECORD_FILE)
    assert [copy.read_or_none() for copy in records.copies(PROGRAM)] == [None]


def test_what_was_begun_and_never_recorded_is_ended_and_a_phase_is_taken_up_again(
    records: MlflowRecords,
) -> None:
    runs, client = records._runs, records._client
    phase = records.phase_run(PROGRAM, "first", "standard")
    orphan = records._child("decision", DECISION, phase, "decision", "a note", AT)
    runs.end_orphans(PROGRAM)
    assert {client.get_run(r).info.status for r in (phase, orphan)} == {"KILLED"}
    assert client.get_run(orphan).data.tags[tags.OUTCOME] == "lost"
    assert records.phase_run(PROGRAM, "first", "standard") == phase
    again = client.get_run(phase)
    assert again.info.status == "RUNNING"
    assert tags.OUTCOME not in again.data.tags


def test_arms_with_dots_and_dashes_have_metrics_in_mlflow(records: MlflowRecords) -> None:
    raw = PROGRAM.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    text = build(raw).model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)
    program = build(json.loads(text.replace('"new"', '"lr-1e-3.v2"')))
    runs = [
        foreign_run("first", arm, seed, {"score": 0.0}) for arm in ("base", "lr-1e-3.v2") for seed in range(3)
    ]
    verdict = stand(program, runs, no_run=True).steps[0].verdict
    page = records.phase_run(program, "first", "standard")
    records.write_verdict(page, verdict, AT)
    assert "score/lr-1e-3.v2" in records._client.get_run(page).data.metrics


def test_a_long_memo_is_shown_up_to_a_heading_with_a_pointer_to_the_whole() -> None:
    text = "# memo\n" + "\n## part\n" + "word " * 1200 + "\n## last\n" + "word " * 1200
    note = short_note(text)
    assert len(note) <= tags.NOTE_LIMIT
    assert note.endswith("artifact `memo.md` of this run.*\n")
    assert "## last" not in note
    assert short_note("# short") == "# short"
