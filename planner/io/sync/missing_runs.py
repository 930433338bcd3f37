"""What the journal knows to be finished and MLflow does not show: an error, no reason to run it again."""

from __future__ import annotations

from collections.abc import Sequence

from planner.errors import RecordError, StoreUnavailable
from planner.evidence.run_selection import Snapshot
from planner.io.journal.journal import Journal
from planner.io.journal.work import Work


def vanished(journal: Journal, program: str, snapshot: Snapshot) -> list[Work]:
    """The finished runs of a program that MLflow does not show as its finished runs."""
    shown = {(run.id, run.fingerprint) for run in snapshot.finished}
    finished = [work for work in journal.work(program) if work.state == "finished"]
    return [w for w in finished if w.mlflow_run is not None and (w.mlflow_run, w.fingerprint) not in shown]


def refuse_vanished(journal: Journal, program: str, snapshot: Snapshot) -> None:
    """Refuses to go on without a finished run: it would be made a second time.

    Raises:
        StoreUnavailable: the first of them is named, with what brings it back.
    """
    gone: Sequence[Work] = vanished(journal, program, snapshot)
    if gone:
        first, more = gone[0].mlflow_run, f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        raise StoreUnavailable(
            f"MLflow run {first}{more} of {program} is finished and MLflow does not show it any more: "
            "deleted, or its tags were edited",
            f"bring it back with 'mlflow runs restore --run-id {first}', "
            "or 'phasegate doctor --repair' brings back what is left and lets the rest be made again",
        )


def unreadable(record_place: str, program: str) -> RecordError:
    """A record that MLflow holds and nobody can read: to go on without it would be to forget it."""
    what = (
        f"the record in MLflow run {record_place} of {program} was altered, has lost its record.json, or a "
        "newer version wrote it"
    )
    mend = "'phasegate doctor' says more, and 'phasegate doctor --repair' mends it or sets it aside"
    return RecordError(record_place, what, mend)
