"""What a journal holds: records with the moment at which they were written, and runs in progress."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from planner.records import (
    AnyRecord,
    Decision,
    Exclusion,
    Keep,
    Override,
    Revocation,
    Verdict,
    canonical,
    digest_of,
)
from planner.text.terminal import sentence

KINDS: dict[str, type[AnyRecord]] = {
    "verdict": Verdict,
    "decision": Decision,
    "override": Override,
    "revocation": Revocation,
    "exclusion": Exclusion,
    "keep": Keep,
}


@dataclass(frozen=True)
class Entry:
    """A record as the journal holds it.

    Attributes:
        position: order of writing.
        at: when it was written (ISO 8601, UTC).
        mlflow_run: the MLflow run that mirrors it.
    """

    position: int
    record: AnyRecord
    at: str
    mlflow_run: str | None
    mirrored: bool


@dataclass(frozen=True)
class Copy:
    """A record as a store holds it, not yet read: it may have been altered.

    Attributes:
        id: the name under which the store holds it.
        body: its text; None where there is none.
        position: its place in a journal; 0 where that is unknown.
        mlflow_run: the MLflow run that holds it, or mirrors it.
    """

    id: str
    kind: str
    body: str | None
    at: str
    position: int
    mlflow_run: str | None
    mirrored: bool = True

    def read(self) -> AnyRecord:
        """The record.

        Raises:
            ValueError: the text is missing, malformed or was altered.
        """
        if self.body is None or self.kind not in KINDS:
            raise ValueError(f"record {self.id} has no text that can be read")
        record = from_body(self.kind, self.body)
        if record.id != self.id:
            raise ValueError(f"record {self.id} was altered: its text is that of {record.id}")
        return record


WORK_STATES = frozenset({"planned", "leased", "started", "finished", "abandoned"})


@dataclass(frozen=True)
class Work:
    """A run in progress, or finished: what is known of it outside MLflow."""

    fingerprint: str
    attempt: int
    program: str
    planned: dict[str, Any]
    folder: str
    state: str
    pid: int | None
    process_start: float | None
    host: str | None
    heartbeat: float | None
    mlflow_run: str | None
    outcome: str | None
    seconds: float
    started_at: float | None


def spent_in(work: Iterable[Work]) -> tuple[int, float]:
    """Runs and seconds of a budget that finished ones took: as ``recall.spent_by`` counts those in MLflow."""
    finished = [one for one in work if one.state == "finished"]
    return sum(one.attempt > 0 for one in finished), sum(one.seconds for one in finished)


_TEXTS = ("fingerprint", "program", "folder", "state")
_MAYBE_TEXTS = ("host", "mlflow_run", "outcome")
_MAYBE_NUMBERS = ("pid", "process_start", "heartbeat", "started_at")


def work_of(row: Mapping[str, Any]) -> Work:
    """A run from its row.

    Raises:
        ValueError: a cell holds what its column is not for: SQLite keeps whatever is put there.
    """
    fits = (
        all(isinstance(row[name], str) for name in _TEXTS)
        and all(isinstance(row[name], str | None) for name in _MAYBE_TEXTS)
        and all(row[name] is None or _is_number(row[name]) for name in _MAYBE_NUMBERS)
        and isinstance(row["attempt"], int)
        and _is_number(row["seconds"])
        and row["state"] in WORK_STATES
    )
    planned = json.loads(row["planned"]) if fits and isinstance(row["planned"], str) else None
    if not isinstance(planned, dict):
        raise ValueError(f"the row of run {row['fingerprint']} is malformed")
    cells: dict[str, Any] = {name: row[name] for name in Work.__dataclass_fields__}
    return Work(**{**cells, "planned": planned})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def kind_of(record: AnyRecord) -> str:
    """The journal's name for a record's type."""
    return next(name for name, cls in KINDS.items() if type(record) is cls)


def body_of(record: AnyRecord) -> str:
    """The text of a record, in the form in which it was named: an earlier version wrote fewer fields."""
    for unset in (False, True):
        content = record.model_dump(mode="json", exclude_unset=unset)
        if record.id.endswith(digest_of({k: v for k, v in content.items() if k != "id"})):
            return canonical(content)
    return canonical(record.model_dump(mode="json"))


@cache  # one advance reads the journal many times, and the same text is always the same record
def from_body(kind: str, body: str) -> AnyRecord:
    """A record from its text; checks that its id is the digest of its content.

    Raises:
        ValueError: the text is malformed or was altered.
    """
    try:
        record = KINDS[kind].model_validate_json(body)
        content = json.loads(body)  # as it was written: the model may have got fields since
    except (ValueError, RecursionError):
        raise ValueError(f"the text of a {kind} cannot be read: {sentence(body[:60])!r}") from None
    content.pop("id", None)
    if not record.id.endswith(digest_of(content)):
        raise ValueError(f"record {record.id} was altered: its digest does not fit its content")
    return record
