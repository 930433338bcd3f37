"""Records as a journal and MLflow hold them: with their moment, kind and position, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, NamedTuple, TypeVar, cast

from planner.records.base import canonical, digest_of
from planner.records.decision import Decision
from planner.records.person import AnyRecord, Exclusion, Keep, Override, Retry, Revocation
from planner.records.verdict import Verdict
from planner.text.terminal import sentence

KINDS: dict[str, type[AnyRecord]] = {
    "verdict": Verdict,
    "decision": Decision,
    "override": Override,
    "revocation": Revocation,
    "exclusion": Exclusion,
    "keep": Keep,
    "retry": Retry,
}


R = TypeVar("R", bound=AnyRecord)
R_co = TypeVar("R_co", bound=AnyRecord, covariant=True)


@dataclass(frozen=True)
class JournalEntry(Generic[R_co]):
    """A record as the journal holds it.

    Attributes:
        position: order of writing.
        written_at: when it was written (ISO 8601, UTC).
        mlflow_run: the MLflow run that mirrors it.
        home: mark of the other home that wrote it to a store that both use; empty where this one did.
    """

    position: int
    record: R_co
    written_at: str
    mlflow_run: str | None
    mirrored: bool
    home: str = ""


AnyEntry = JournalEntry[AnyRecord]
JudgedEntry = JournalEntry[Verdict | Decision]


def entries_of(entries: Iterable[AnyEntry], kind: type[R]) -> list[JournalEntry[R]]:
    """The entries whose records are of one kind, in their order."""
    return [cast("JournalEntry[R]", entry) for entry in entries if isinstance(entry.record, kind)]


def judged_entries(entries: Iterable[AnyEntry]) -> list[JudgedEntry]:
    """The entries of verdicts and decisions, in their order."""
    return [cast("JudgedEntry", e) for e in entries if isinstance(e.record, Verdict | Decision)]


def of_other_homes(entries: Iterable[AnyEntry]) -> frozenset[str]:
    """The ids of records that another home was the last to write."""
    home_of = {entry.record.id: entry.home for entry in entries}
    return frozenset(record_id for record_id, home in home_of.items() if home)


@dataclass(frozen=True)
class Copy:
    """A record as a store holds it, not yet read: it may have been altered.

    Attributes:
        id: the name under which the store holds it.
        body: its text; None where there is none.
        written_at: when it was written, or became the last word (ISO 8601, UTC).
        position: its place in a journal; 0 where that is unknown.
        mlflow_run: the MLflow run that holds it, or mirrors it.
        home: mark of the other home that wrote it to a store that both use; empty where this one did.
    """

    id: str
    kind: str
    body: str | None
    written_at: str
    position: int
    mlflow_run: str | None
    mirrored: bool = True
    home: str = ""

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

    def read_or_none(self) -> AnyRecord | None:
        """The record; None where its text is missing, malformed or was altered."""
        try:
            return self.read()
        except ValueError:
            return None


class Stand(NamedTuple):
    """A moment at which a record became the last word.

    Attributes:
        position: in the journal of the home that wrote it; 0 where its planner was killed before it said so.
        written_at: by the clock of that home's machine (ISO 8601, UTC).
        kind: the journal's name for the record's type.
        page: the store's name for where the record lies.
    """

    position: int
    written_at: str
    kind: str
    page: str


def in_order(stands: Iterable[Stand]) -> list[Stand]:
    """Moments as one came after the other, whatever the clocks said.

    A home that reads another's records counts on from their positions, so that what it writes afterwards has
    a larger one. A clock decides between homes that wrote at once, and for what has no position.
    """
    every = sorted(stands)
    ordered = [stand for stand in every if stand.position]
    for stand in sorted((s for s in every if not s.position), key=_by_time):
        ordered.insert(where_it_belongs([s.written_at for s in ordered], stand.written_at), stand)
    return ordered


def where_it_belongs(moments: Sequence[str], moment: str) -> int:
    """The index behind the last of some moments that is not later than another."""
    return next((i for i in range(len(moments), 0, -1) if moments[i - 1] <= moment), 0)


def _by_time(stand: Stand) -> tuple[str, int, str]:
    """A verdict comes before the decision of its second."""
    kinds = list(KINDS)
    rank = kinds.index(stand.kind) if stand.kind in kinds else len(kinds)
    return stand.written_at, rank, stand.page


def kind_of(record: AnyRecord) -> str:
    """The journal's name for a record's type."""
    return next(name for name, cls in KINDS.items() if type(record) is cls)


def body_of(record: AnyRecord) -> str:
    """The text of a record, in the form in which it was named: an earlier version wrote fewer fields."""
    for unset in (False, True):
        content = record.model_dump(mode="json", exclude_unset=unset)
        if record.id.endswith(digest_of(record.what_names_it(content))):
            return canonical({**content, **record.beside_its_name()})
    return canonical({**record.model_dump(mode="json"), **record.beside_its_name()})


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
    if not record.id.endswith(digest_of(record.what_names_it(content))):
        raise ValueError(f"record {record.id} was altered: its digest does not fit its content")
    return record
