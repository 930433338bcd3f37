"""The two copies of each record, journal and MLflow, held against each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner.records.base import canonical
from planner.records.journal_entry import AnyEntry, Copy, JournalEntry, where_it_belongs
from planner.records.person import AnyRecord
from planner.replay.differences import Difference, first_difference

_JOURNAL, _MLFLOW = "the journal", "MLflow"


@dataclass(frozen=True)
class Reconciled:
    """The records of a program, each as the copy has it that was not altered.

    Attributes:
        entries: oldest first, with positions of their own.
        differences: a record that was altered, or that one side has and the other should have.
        pending: ids of records that the journal holds and MLflow does not yet.
        elsewhere: ids of records that MLflow holds and this journal does not.
        older: ids of records whose form this version no longer writes.
    """

    entries: Sequence[AnyEntry]
    differences: Sequence[Difference]
    pending: Sequence[str]
    elsewhere: Sequence[str]
    older: Sequence[str] = ()


def reconcile(journal: Sequence[Copy], store: Sequence[Copy]) -> Reconciled:
    """Joins what journal and MLflow hold; where they differ, MLflow's copy counts if it can be read.

    Args:
        journal: in order of writing.
        store: in the order in which they became the last word, and as often as they did.
    """
    held = {copy.id: copy for copy in store}
    places = {copy.mlflow_run: copy for copy in store}
    journal_ids = {copy.id for copy in journal}
    differences: dict[str, Difference] = {}
    merged: list[tuple[Copy, AnyRecord]] = []
    used: set[str] = set()
    for copy in journal:
        other = held.get(copy.id)
        if other is None and copy.mirrored:
            other = places.get(copy.mlflow_run)
            other = None if other is not None and other.id in journal_ids else other
        used |= {other.id} if other is not None else set()
        difference = _difference(copy, other)
        if difference is not None:
            differences.setdefault(copy.id, difference)
        record = _read(other) or _read(copy)
        merged += [(copy, record)] if record is not None else []
    pending = [c.id for c in journal if c.id not in held and not c.mirrored]
    rest = [copy for copy in store if copy.id not in journal_ids and copy.id not in used]
    for copy in rest:
        record = _read(copy)
        if record is None:
            differences.setdefault(copy.id, _altered(copy, _MLFLOW, None))
        else:
            _insert(merged, copy, record)
    entries = [
        JournalEntry(i, r, c.written_at, c.mlflow_run, c.mirrored, c.home)
        for i, (c, r) in enumerate(merged, 1)
    ]
    elsewhere = list(dict.fromkeys(c.id for c in rest))
    older = [r.id for c in (*store, *journal) if (r := _read(c)) is not None and _is_of_another_form(c, r)]
    return Reconciled(entries, list(differences.values()), pending, elsewhere, list(dict.fromkeys(older)))


def _insert(merged: list[tuple[Copy, AnyRecord]], copy: Copy, record: AnyRecord) -> None:
    """Puts a record that the journal lacks where its position belongs; its time, where it has none."""
    if copy.position:
        later = (i for i, (other, _) in enumerate(merged) if _moment(other) > _moment(copy))
        where = next(later, len(merged))
    else:
        where = where_it_belongs([other.written_at for other, _ in merged], copy.written_at)
    merged.insert(where, (copy, record))


def _moment(copy: Copy) -> tuple[int, str]:
    return copy.position, copy.written_at


def _difference(copy: Copy, other: Copy | None) -> Difference | None:
    mine, its = _read(copy), _read(other)
    if mine is None:
        return _altered(copy, _JOURNAL, other if its is not None else None)
    if other is None:
        if not copy.mirrored:
            return None
        return Difference(kind="record", id=copy.id, what="MLflow holds it no more, and did once")
    if its is None:
        return _altered(other, _MLFLOW, copy)
    if its.id != mine.id:
        sides = (
            f"the journal and MLflow's record.json of it, {its.id}, differ: {_first(other, copy, _JOURNAL)}"
        )
        return Difference(kind="record", id=copy.id, what=sides)
    return None


def _altered(copy: Copy, which: str, intact: Copy | None) -> Difference:
    """What was altered in a copy, where the other one tells what stood there."""
    what = f"its copy in {which} was altered: the digest does not fit the content"
    if _json(copy) is None:
        what = f"its copy in {which} cannot be read"
    elif intact is not None:
        what = f"its copy in {which} was altered: {_first(intact, copy, which)}"
    return Difference(kind="record", id=copy.id, what=what)


def _first(intact: Copy, other: Copy, which: str) -> str:
    """The first field in which two copies differ, ``id`` only where nothing else does.

    Args:
        which: where ``other`` lies.
    """
    old, new = _json(intact) or {}, _json(other) or {}
    names = [n for n in {**old, **new} if old.get(n) != new.get(n)]
    name = next((n for n in names if n != "id"), "id")
    where = f"in {_JOURNAL if which == _MLFLOW else _MLFLOW}", f"in {which}"
    return first_difference(name, old.get(name), new.get(name), where)


def _is_of_another_form(copy: Copy, record: AnyRecord) -> bool:
    """Whether a record's text lacks keys that this version writes."""
    return canonical(record.what_names_it(_json(copy) or {})) != canonical(
        record.what_names_it(record.model_dump(mode="json"))
    )


def _json(copy: Copy) -> Mapping[str, Any] | None:
    try:
        value = json.loads(copy.body or "")
        canonical(value)  # refuses NaN and infinities, which are no JSON
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read(copy: Copy | None) -> AnyRecord | None:
    try:
        return copy.read() if copy is not None else None
    except ValueError:
        return None
