"""The two copies of each record, journal and MLflow: missing on one side, altered, or unreadable on both."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from planner.io.doctor import journal_repairs
from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.mlflow import tags
from planner.io.mlflow.client import speaking_of
from planner.io.mlflow.faults import says_not_found
from planner.io.sync.rebuild import rebuild_journal
from planner.io.sync.reconcile import reconcile
from planner.io.system.quarantine import keep_text
from planner.language.program import Program
from planner.records.journal_entry import Copy, body_of
from planner.records.person import AnyRecord
from planner.records.verdict import Verdict

_REPAIR = "'phasegate doctor --repair' "


def check_records(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Every program's records on both sides."""
    if not patient.journal_sound or patient.records is None:
        return
    if not patient.home.journal.exists():
        held = sum(len(patient.records.held(program)) for program in patient.programs)
        for program in patient.idle if held else ():
            yield from _Sides(patient, program).broken_in_mlflow()
        if held:
            what = f"the journal {patient.home.journal} is gone, and MLflow holds {held} records"
            mend = f"the next command that reads rebuilds it from MLflow, or {_REPAIR}does"
            yield HealthFinding(
                "journal.missing", str(patient.home.journal), what, mend, repair=partial(_rebuilt, patient)
            )
            return
    for program in patient.idle:
        yield from _Sides(patient, program).findings()


def _rebuilt(patient: HomeUnderCheck) -> str:
    rebuild_journal(patient.home)
    return "rebuilt from MLflow"


class _Sides:
    """What journal and MLflow hold of one program."""

    def __init__(self, patient: HomeUnderCheck, program: Program) -> None:
        assert patient.records is not None
        assert patient.runs is not None
        self.patient, self.program, self.name = patient, program, program.program
        self.records, self.runs = patient.records, patient.runs
        self.journal = patient.journal.copies(self.name)
        self.store = list(self.records.copies(program))
        self.places = {copy.mlflow_run: copy for copy in self.store}
        self.rows: dict[str | None, Copy] = {}
        for copy in self.journal:
            self.rows.setdefault(copy.mlflow_run, copy)

    def findings(self) -> Iterator[HealthFinding]:
        """What differs, each difference once."""
        held = {copy.id for copy in self.store}
        reported: set[str] = set()
        for copy in self.journal:
            if (finding := self._of_row(copy, held)) is not None and copy.id not in reported:
                reported.add(copy.id)
                yield finding
        for broken in self.broken_in_mlflow():
            reported.add(broken.about)
            yield broken
        for run_id, copy in self.places.items():
            if isinstance(record := copy.read_or_none(), Verdict):
                yield from self._tags(str(run_id), record)
        yield from self._between(reported)

    def broken_in_mlflow(self) -> Iterator[HealthFinding]:
        """The copies in MLflow that cannot be read."""
        for copy in self.places.values():
            if (broken := self._of_place(copy)) is not None:
                yield broken

    def _of_row(self, copy: Copy, held: set[str]) -> HealthFinding | None:
        """What is wrong with the journal's copy, or missing beside it."""
        if copy.read_or_none() is None:
            other = next((c for c in self.store if c.id == copy.id or c.mlflow_run == copy.mlflow_run), None)
            record = other.read_or_none() if other else None
            what = f"record {copy.id} of {self.name} was altered or is malformed in the journal"
            if record is not None:
                mend = f"{_REPAIR}takes its copy in MLflow"
                return self._finding(
                    "record.altered", copy.id, what, mend, partial(self._from_store, copy, record)
                )
            mend = (
                f"MLflow has no sound copy of it; {_REPAIR}sets it aside, and the next advance judges again"
            )
            return self._finding("record.unreadable", copy.id, what, mend, partial(self._set_aside_row, copy))
        if copy.id in held or not copy.mirrored or copy.mlflow_run in self.places:
            return None
        what = (
            f"record {copy.id} of {self.name} is in the journal, and MLflow run {copy.mlflow_run} "
            "holds it no more"
        )
        mend = (
            f"'mlflow runs restore --run-id {copy.mlflow_run}' where it was deleted, or "
            f"{_REPAIR}restores it or has "
            "it written again"
        )
        return self._finding("record.missing", copy.id, what, mend, partial(self._bring_back, copy))

    def _of_place(self, copy: Copy) -> HealthFinding | None:
        """What is wrong with MLflow's copy."""
        if copy.read_or_none() is not None:
            return None
        mine = self.rows.get(copy.mlflow_run) or next((c for c in self.journal if c.id == copy.id), None)
        record = mine.read_or_none() if mine else None
        what = (
            f"record {copy.id} of {self.name} in MLflow run {copy.mlflow_run} was altered, or its "
            "record.json is gone"
        )
        if record is not None:
            mend = f"{_REPAIR}writes the journal's copy there"
            return self._finding(
                "record.altered_in_mlflow", copy.id, what, mend, partial(self._to_store, copy, record)
            )
        mend = (
            "a newer version may have written it: use that one; else "
            f"{_REPAIR}sets it aside, and the next advance judges again"
        )
        return self._finding(
            "record.unreadable_in_mlflow", copy.id, what, mend, partial(self._set_aside_place, copy)
        )

    def _tags(self, run_id: str, verdict: Verdict) -> Iterator[HealthFinding]:
        """Tags of a phase's page that say something else than its record."""
        with speaking_of(self.runs.uri):
            stored = self.runs.client.get_run(run_id).data.tags
        expected = {
            tags.VERDICT: verdict.outcome,
            tags.CONFIDENCE: verdict.confidence,
            tags.TIER: verdict.tier,
            tags.CASE: verdict.case,
            tags.PHASE: verdict.phase,
            tags.FIDELITY: verdict.fidelity,
        }
        wrong = {k: v for k, v in expected.items() if v is not None and stored.get(k) != v}
        if wrong:
            said = ", ".join(f"{k} is {stored.get(k)!r} and was {v!r}" for k, v in wrong.items())
            what = f"the page of verdict {verdict.id} in MLflow run {run_id} was edited: {said}"
            mend = f"{_REPAIR}writes what the record says"
            yield self._finding(
                "record.tags", run_id, what, mend, partial(put_tags, self.patient, run_id, wrong)
            )

    def _between(self, reported: set[str]) -> Iterator[HealthFinding]:
        """What differs though both copies can be read, and what only one side has yet."""
        reconciled = reconcile(self.journal, self.store)
        for one in reconciled.differences:
            if one.id not in reported:
                mend = f"'replay {self.name}' tells which of the two follows from the runs"
                yield self._finding(
                    "record.differs", one.id, f"record {one.id} of {self.name}: {one.what}", mend
                )
        for kind, ids, what in (
            ("record.pending", reconciled.pending, "is in the journal and not yet in MLflow"),
            (
                "record.elsewhere",
                [i for i in reconciled.elsewhere if i not in reported],
                "is in MLflow and not in this journal",
            ),
        ):
            for record_id in ids:
                yield HealthFinding(
                    kind,
                    record_id,
                    f"record {record_id} of {self.name} {what}",
                    f"the next 'advance {self.name}' makes up for it",
                    self.name,
                    warning=True,
                )

    # --- repairs -------------------------------------------------------------------------------

    def _finding(self, kind: str, about: str, what: str, mend: str, repair: Any = None) -> HealthFinding:
        return HealthFinding(kind, about, what, mend, self.name, repair)

    def _from_store(self, copy: Copy, record: AnyRecord) -> str:
        kept = keep_text(copy.body or "", f"{copy.id}.json", self.patient.home.quarantine)
        journal_repairs.put_right(self.patient.journal, copy.position, record)
        return f"MLflow's copy stands in the journal again; what stood there is in {kept}"

    def _to_store(self, copy: Copy, record: AnyRecord) -> str:
        run_id = str(copy.mlflow_run)
        kept = keep_text(copy.body or "", f"{copy.id}.json", self.patient.home.quarantine)
        with speaking_of(self.runs.uri):
            self.runs.client.log_text(run_id, body_of(record), tags.RECORD_FILE)
            self.runs.client.set_tag(run_id, tags.RECORD, record.id)
        return f"the journal's copy stands in MLflow run {run_id} again; what stood there is in {kept}"

    def _set_aside_row(self, copy: Copy) -> str:
        kept = keep_text(copy.body or "", f"{copy.id}.json", self.patient.home.quarantine)
        journal_repairs.take_out(self.patient.journal, copy.position)
        return f"taken out of the journal; its text is in {kept}"

    def _set_aside_place(self, copy: Copy) -> str:
        run_id = str(copy.mlflow_run)
        kept = keep_text(copy.body or "", f"{copy.id}.json", self.patient.home.quarantine)
        with speaking_of(self.runs.uri):
            self.runs.client.set_tag(run_id, tags.SET_ASIDE, copy.id)
            self.runs.client.delete_tag(run_id, tags.RECORD)
            self.runs.client.set_tag(run_id, tags.KIND, "set_aside")
        return f"MLflow run {run_id} stays and counts as no record any more; its text is in {kept}"

    def _bring_back(self, copy: Copy) -> str:
        if restored(self.patient, str(copy.mlflow_run)):
            return f"MLflow run {copy.mlflow_run} is restored"
        journal_repairs.forget_record(self.patient.journal, copy.id)
        return "it is written to MLflow again by the next advance"


def restored(patient: HomeUnderCheck, run_id: str) -> bool:
    """Restores a deleted run; False where MLflow has none such, or it was not deleted.

    Side effects: one run in MLflow.
    """
    runs = patient.runs
    assert runs is not None
    if lifecycle(patient, run_id) != "deleted":
        return False
    with speaking_of(runs.uri):
        runs.client.restore_run(run_id)
    return True


def lifecycle(patient: HomeUnderCheck, run_id: str) -> str:
    """``active``, ``deleted``, or ``gone`` where MLflow knows no such run."""
    runs = patient.runs
    assert runs is not None
    try:
        return str(runs.client.get_run(run_id).info.lifecycle_stage)
    except Exception as error:
        if says_not_found(error):
            return "gone"
        with speaking_of(runs.uri):
            raise


def put_tags(patient: HomeUnderCheck, run_id: str, wanted: dict[str, str]) -> str:
    """Gives a run's tags the values that they had."""
    runs = patient.runs
    assert runs is not None
    with speaking_of(runs.uri):
        for name, value in wanted.items():
            runs.client.set_tag(run_id, name, value)
    return f"set back: {', '.join(f'{k} = {v}' for k, v in wanted.items())}"
