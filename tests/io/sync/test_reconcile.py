"""The two copies of a record, and what is said where they differ."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from planner.io.sync.reconcile import Reconciled, reconcile
from planner.records.base import canonical, digest_of
from planner.records.journal_entry import Copy, body_of, kind_of
from planner.records.person import AnyRecord
from tests.support.worlds import override, runs_of, scores, small, stand

PROGRAM = small()
STEP = stand(PROGRAM, runs_of(PROGRAM, "first", scores())).steps[0]
VERDICT, DECISION = STEP.verdict, STEP.decision
OVERRIDE = override(PROGRAM, "first", choose="repeat")
RECORDS = (VERDICT, DECISION, OVERRIDE)


def copy_of(record: AnyRecord, position: int, mlflow_run: str | None = None, mirrored: bool = True) -> Copy:
    body = body_of(record)
    written_at = f"2026-01-01T00:00:0{position}+00:00"
    return Copy(
        record.id, kind_of(record), body, written_at, position, mlflow_run or f"run-{record.id}", mirrored
    )


BOTH = [copy_of(record, i) for i, record in enumerate(RECORDS, 1)]


def edited(copy: Copy, recomputed: bool = False, **fields: Any) -> Copy:
    content = {**json.loads(copy.body or ""), **fields}
    if recomputed:
        content.pop("id")
        content["id"] = f"{copy.id[0]}-{digest_of(content)}"
    return replace(copy, id=content["id"], body=canonical(content))


def differences_of(reconciled: Reconciled) -> list[tuple[str, str, str]]:
    return [(d.kind, d.id, d.what) for d in reconciled.differences]


def test_equal_copies_give_each_record_once_in_order() -> None:
    reconciled = reconcile(BOTH, list(reversed(BOTH)))
    assert [e.record for e in reconciled.entries] == list(RECORDS)
    assert [e.position for e in reconciled.entries] == [1, 2, 3]
    assert (reconciled.differences, reconciled.pending, reconciled.elsewhere) == ([], [], [])


def test_how_a_verdict_came_about_may_differ_between_its_copies() -> None:
    again = copy_of(VERDICT.model_copy(update={"final_look": True}), 1)
    assert again.id == BOTH[0].id and again.body != BOTH[0].body
    reconciled = reconcile([again, *BOTH[1:]], BOTH)
    assert (reconciled.differences, reconciled.older) == ([], [])


def test_an_altered_copy_is_named_with_its_field_and_the_other_counts() -> None:
    for mine, its, which in (
        ([BOTH[0], edited(BOTH[1], choice="repeat"), BOTH[2]], BOTH, "in the journal"),
        (BOTH, [BOTH[0], edited(BOTH[1], choice="repeat"), BOTH[2]], "in MLflow"),
    ):
        reconciled = reconcile(mine, its)
        assert [e.record for e in reconciled.entries] == list(RECORDS)
        ((kind, about, what),) = differences_of(reconciled)
        assert (kind, about) == ("record", DECISION.id)
        assert f"repeat {which}" in what
        assert "choice: turn in" in what


def test_a_copy_whose_digest_was_made_to_fit_differs_from_the_one_at_its_place() -> None:
    changed = edited(BOTH[1], recomputed=True, reason="because")
    reconciled = reconcile([BOTH[0], changed, BOTH[2]], BOTH)
    assert [e.record for e in reconciled.entries] == list(RECORDS)
    ((_, about, what),) = differences_of(reconciled)
    assert about == changed.id
    assert "because in the journal" in what
    assert reconciled.elsewhere == []


def test_a_text_filed_under_another_id_is_altered() -> None:
    reconciled = reconcile(
        [replace(BOTH[0], id="v-0000000000000000", mlflow_run=BOTH[0].mlflow_run)], [BOTH[0]]
    )
    assert [e.record for e in reconciled.entries] == [VERDICT]
    assert [about for _, about, _ in differences_of(reconciled)] == ["v-0000000000000000"]


def test_a_record_altered_in_both_places_is_left_out_and_named_once() -> None:
    changed = edited(BOTH[1], choice="repeat")
    reconciled = reconcile([BOTH[0], changed], [BOTH[0], changed])
    assert [e.record for e in reconciled.entries] == [VERDICT]
    assert [about for _, about, _ in differences_of(reconciled)] == [DECISION.id]
    assert "the digest does not fit" in differences_of(reconciled)[0][2]


def test_what_cannot_be_read_at_all_is_named() -> None:
    for body in (None, "", "[1]", "{"):
        reconciled = reconcile([], [replace(BOTH[0], body=body)])
        assert reconciled.entries == []
        assert "cannot be read" in differences_of(reconciled)[0][2]


def test_a_value_that_no_record_may_hold_makes_no_record_though_its_digest_fits() -> None:
    for copy, fields in (
        (BOTH[0], {"seconds": 10**400}),
        (BOTH[1], {"inputs": {**json.loads(BOTH[1].body or "")["inputs"], "prediction": {"x": None}}}),
    ):
        reconciled = reconcile([edited(copy, recomputed=True, **fields)], [])
        assert reconciled.entries == []
        assert len(reconciled.differences) == 1


def test_a_record_that_one_side_does_not_hold_yet_is_no_difference_and_one_that_is_lost_is() -> None:
    pending = copy_of(DECISION, 2, mirrored=False)
    reconciled = reconcile([BOTH[0], pending], [BOTH[0], BOTH[2]])
    assert (reconciled.differences, reconciled.pending, reconciled.elsewhere) == (
        [],
        [DECISION.id],
        [OVERRIDE.id],
    )
    assert [e.record for e in reconciled.entries] == list(RECORDS)
    lost = reconcile([BOTH[0], BOTH[1]], [BOTH[0]])
    assert [(kind, about) for kind, about, _ in differences_of(lost)] == [("record", DECISION.id)]
    assert len(lost.entries) == 2


def test_what_the_journal_lacks_is_put_where_its_time_belongs() -> None:
    reconciled = reconcile([BOTH[0], BOTH[2]], BOTH)
    assert [e.record for e in reconciled.entries] == list(RECORDS)
    assert reconciled.elsewhere == [DECISION.id]


def test_what_the_journal_lacks_is_put_where_its_position_belongs_whatever_the_clock_said() -> None:
    late = "2026-12-31T00:00:00+00:00"
    store = [BOTH[0], replace(BOTH[1], written_at=late), BOTH[2]]
    assert [e.record for e in reconcile([BOTH[0], BOTH[2]], store).entries] == list(RECORDS)
    without = [BOTH[0], replace(BOTH[1], position=0, written_at=late), BOTH[2]]
    assert [e.record for e in reconcile([BOTH[0], BOTH[2]], without).entries] == [VERDICT, OVERRIDE, DECISION]


def test_a_record_that_stood_more_than_once_is_there_as_often() -> None:
    again = replace(BOTH[0], position=4, written_at="2026-01-01T00:00:09+00:00")
    for journal, store in (([*BOTH, again], BOTH), ([], [*BOTH, again])):
        assert [e.record.id for e in reconcile(journal, store).entries] == [r.id for r in (*RECORDS, VERDICT)]


def test_a_record_whose_text_lacks_keys_that_are_written_today_is_older() -> None:
    content = json.loads(BOTH[0].body or "")
    for key in ("id", "set_aside", "considered", "final_look"):
        content.pop(key)
    content["id"] = f"v-{digest_of(content)}"
    old = replace(BOTH[0], id=content["id"], body=canonical(content))
    assert list(reconcile([old, BOTH[1]], [old, BOTH[1]]).older) == [old.id]
    assert list(reconcile(BOTH, BOTH).older) == []


@pytest.mark.parametrize(
    "body", ["", "[]", "[" * 100_000, '{"id": ' * 50_000, '{"id": "v-1", "x": 1e999}', '{"id": NaN}', None]
)
def test_a_copy_that_is_no_record_at_all_is_named_and_the_other_counts(body: str | None) -> None:
    damaged = replace(BOTH[0], body=body)
    for mine, its, which in (
        ([damaged, *BOTH[1:]], BOTH, "the journal"),
        (BOTH, [damaged, *BOTH[1:]], "MLflow"),
    ):
        reconciled = reconcile(mine, its)
        assert [e.record for e in reconciled.entries] == list(RECORDS)
        assert differences_of(reconciled) == [("record", VERDICT.id, f"its copy in {which} cannot be read")]
