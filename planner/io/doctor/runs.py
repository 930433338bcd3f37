"""Runs: leases whose process is gone, runs RUNNING for nobody, finished ones that are not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from planner.evidence.digests import run_digest, stepped_metrics
from planner.io.doctor import journal_repairs
from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.doctor.records import lifecycle, put_tags, restored
from planner.io.journal.work import Work
from planner.io.leases.reaper import Reaper, is_elsewhere, run_folder, unsettled
from planner.io.mlflow import tags
from planner.io.mlflow.client import speaking_of
from planner.io.mlflow.home_store import own_uri
from planner.io.sync.missing_runs import vanished
from planner.io.system.clock import SystemClock
from planner.language.program import Program
from planner.records.runs import Run
from planner.records.verdict import Verdict


def check_runs(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Every program's runs, in the journal and in MLflow."""
    if not patient.journal_sound or patient.runs is None or not patient.home.journal.exists():
        return
    for program in patient.idle:
        left = unsettled(patient.journal, program.program)
        # Nobody holds the program, so that a worker which lives on this machine has lost its planner.
        gone = [w for w in left if not is_elsewhere(w, SystemClock().seconds())]
        yield from (_dead(patient, program, work) for work in gone)
        raw = _raw(patient, program)
        yield from _orphans(patient, program, raw.values(), {w.mlflow_run for w in left})
        snapshot = patient.runs.snapshot(program)
        gone_ids = {w.mlflow_run for w in vanished(patient.journal, program.program, snapshot)}
        for work in patient.journal.work(program.program):
            if work.state != "finished" or work.mlflow_run is None:
                continue
            stored = raw.get(work.mlflow_run)
            wanted = _lost_tags(work, stored.data.tags) if stored is not None else {}
            if wanted:
                yield _retagged(patient, work, wanted)
            elif work.mlflow_run in gone_ids:
                yield _vanished(patient, program, work)
        yield from _edited(patient, program)
        yield from _without_files(patient, program, snapshot.finished)


def _dead(patient: HomeUnderCheck, program: Program, work: Work) -> HealthFinding:
    folder = run_folder(patient.home, work)
    complete = folder is not None and work.repeats is None and (folder / "result.json").is_file()
    about = f"{work.fingerprint}-{work.attempt}"
    name = program.program
    what = f"run {about} of {name} was begun by process {work.pid}, which is gone; " + (
        "its result is complete and not yet in MLflow" if complete else "it left no complete result"
    )
    mend = (
        f"the next 'advance {name}' {'adopts it' if complete else 'ends it as lost and makes it again'}, or "
    )
    mend += f"'phasegate doctor --repair' {'adopts it' if complete else 'ends it'} now"
    kind = "run.unrecorded" if complete else "run.cut_off"
    return HealthFinding(kind, about, what, mend, name, partial(settle, patient, program, work))


def _raw(patient: HomeUnderCheck, program: Program) -> dict[str, Any]:
    """Everything in a program's experiment, by id."""
    runs = patient.runs
    assert runs is not None
    with speaking_of(runs.uri):
        experiment = runs.client.get_experiment_by_name(program.program)
        stored = runs._search([experiment.experiment_id], "") if experiment else iter(())
        return {str(raw.info.run_id): raw for raw in stored}


def _orphans(
    patient: HomeUnderCheck, program: Program, stored: Iterable[Any], leased: set[str | None]
) -> Iterator[HealthFinding]:
    """Runs of ours that MLflow takes for running and no lease knows of."""
    runs, name = patient.runs, program.program
    assert runs is not None
    own = runs.uri == own_uri(patient.home)
    for raw in stored:
        run_tags, run_id = raw.data.tags, str(raw.info.run_id)
        running = raw.info.status == "RUNNING" and tags.FINGERPRINT in run_tags
        if not running or tags.OUTCOME in run_tags or run_id in leased:
            continue
        folder = patient.home.run_folder(name, run_tags[tags.FINGERPRINT])
        complete = (folder / "result.json").is_file()
        what = f"MLflow run {run_id} of {name} is RUNNING and no process is at work on it; "
        what += f"its result lies in {folder}" if complete else "it left no result"
        if not own:
            what, mend = (
                f"MLflow run {run_id} of {name} is RUNNING, and this journal knows of no lease for it",
                "",
            )
            mend = "another machine may be at work on it; if none is, end it in MLflow"
            yield HealthFinding("run.running_elsewhere", run_id, what, mend, name, warning=True)
            continue
        mend = (
            f"'phasegate doctor --repair' {'adopts the result' if complete else 'ends it; it is made again'}"
        )
        yield HealthFinding(
            "run.orphan", run_id, what, mend, name, partial(settle_orphan, patient, program, run_id)
        )


def _vanished(patient: HomeUnderCheck, program: Program, work: Work) -> HealthFinding:
    run_id, name = str(work.mlflow_run), program.program
    what = f"run {work.fingerprint}-{work.attempt} of {name} is finished, and MLflow run {run_id} "
    stage = lifecycle(patient, run_id)
    if stage == "deleted":
        mend = f"'mlflow runs restore --run-id {run_id}', or 'phasegate doctor --repair'"
        repair = partial(_restore, patient, run_id)
        return HealthFinding("run.deleted", run_id, f"{what}is deleted", mend, name, repair)
    mend = "bring it back, or 'phasegate doctor --repair' lets it be made again where a phase needs it"
    what += "is gone" if stage == "gone" else "does not read as a finished run of it"
    return HealthFinding("run.gone", run_id, what, mend, name, partial(_give_up, patient, work))


def _retagged(patient: HomeUnderCheck, work: Work, wanted: dict[str, str]) -> HealthFinding:
    run_id = str(work.mlflow_run)
    what = (
        f"run {work.fingerprint}-{work.attempt} of {work.program} is finished, and MLflow run {run_id} was "
    )
    what += f"edited: {', '.join(wanted)} {'is' if len(wanted) == 1 else 'are'} not what the journal says"
    mend = "'phasegate doctor --repair' sets it back"
    return HealthFinding(
        "run.tags", run_id, what, mend, work.program, partial(put_tags, patient, run_id, wanted)
    )


def _restore(patient: HomeUnderCheck, run_id: str) -> str:
    return "restored" if restored(patient, run_id) else "it was restored already"


def _give_up(patient: HomeUnderCheck, work: Work) -> str:
    rows = journal_repairs.rows(patient.journal, "work")
    keys = "program", "fingerprint", "attempt"
    wanted = work.program, work.fingerprint, work.attempt
    row_number = next(row["place"] for row in rows if tuple(row[k] for k in keys) == wanted)
    journal_repairs.abandon_work(patient.journal, int(row_number))
    return "it counts as not made; the next advance makes it again where a phase needs it"


def _lost_tags(work: Work, stored: Mapping[str, str]) -> dict[str, str]:
    """The tags of a finished run that are not what the journal says they were."""
    planned: Mapping[str, Any] = work.planned
    expected = {
        tags.KIND: "run",
        tags.PROGRAM: work.program,
        tags.FINGERPRINT: work.fingerprint,
        tags.ATTEMPT: str(work.attempt),
        tags.OUTCOME: work.outcome,
        tags.PHASE: planned.get("phase"),
        tags.ARM: planned.get("arm"),
        tags.SEED: str(planned["seed"]) if "seed" in planned else None,
        tags.FIDELITY: planned.get("fidelity"),
    }
    return {k: str(v) for k, v in expected.items() if v is not None and stored.get(k) != str(v)}


def _edited(patient: HomeUnderCheck, program: Program) -> Iterator[HealthFinding]:
    """Runs that hold something else than when the last verdict of a phase looked at them."""
    assert patient.runs is not None
    copies = patient.journal.copies(program.program)
    last: dict[tuple[str, str], Verdict] = {}
    for copy in copies:
        record = copy.read_or_none()
        if isinstance(record, Verdict) and record.phase in program.phases:
            last[record.phase, record.fidelity] = record
    steps = {phase: stepped_metrics(program, phase) for phase in program.phases}
    finished = patient.runs.snapshot(program, frozenset().union(*steps.values())).finished
    by_id = {run.id: run for run in finished}
    reported: set[str] = set()
    for verdict in last.values():
        for arm in verdict.considered:
            for run_id, digest in zip(arm.run_ids, arm.digests, strict=False):
                run = by_id.get(run_id)
                if run is None or run_id in reported or run_digest(run, steps[verdict.phase]) == digest:
                    continue
                reported.add(run_id)
                yield _changed(program.program, run, verdict)


def _changed(name: str, run: Run, verdict: Verdict) -> HealthFinding:
    what = (
        f"MLflow run {run.id} ({run.arm}, seed {run.seed}) was changed since verdict {verdict.id} "
        "looked at it"
    )
    mend = (
        f"set it back in MLflow, keep it out with 'exclude {run.id[:8]} --reason TEXT', or let the next "
        f"'advance {name}' judge by what it says now; 'replay {name}' tells what rests on it"
    )
    return HealthFinding("run.changed", run.id, what, mend, name)


def _without_files(patient: HomeUnderCheck, program: Program, finished: Any) -> Iterator[HealthFinding]:
    """Runs of ours whose artifacts are not all there."""
    runs = patient.runs
    assert runs is not None
    for run in finished:
        names = {name.partition("/")[0] for name in run.artifacts or ()} if run.own else set()
        if not names:
            continue
        with speaking_of(runs.uri):
            there = {file.path for file in runs.client.list_artifacts(run.id)}
        if names - there:
            what = (
                f"MLflow run {run.id} of {program.program} has lost artifacts: "
                f"{', '.join(sorted(names - there))}"
            )
            mend = "put them back where MLflow keeps artifacts; its metrics stand without them"
            yield HealthFinding("run.artifacts", run.id, what, mend, program.program, warning=True)


def settle(patient: HomeUnderCheck, program: Program, work: Work) -> str:
    """Settles every run of a program whose process is gone; says what became of this one."""
    _reaper(patient, program).settle()
    key = work.fingerprint, work.attempt
    rows = {(w.fingerprint, w.attempt): w for w in patient.journal.work(program.program)}
    now = rows.get(key, work)
    if now.state == "finished":
        return f"its result ({now.outcome}) is adopted, in MLflow run {now.mlflow_run}"
    return "it is ended; the next advance makes it again where a phase needs it"


def settle_orphan(patient: HomeUnderCheck, program: Program, run_id: str) -> str:
    """Settles every run that MLflow knows of and the journal does not; says what became of this one."""
    _reaper(patient, program).settle()
    adopted = next((w for w in patient.journal.work(program.program) if w.mlflow_run == run_id), None)
    if adopted is not None and adopted.outcome != "lost":
        return f"its result ({adopted.outcome}) is adopted, in MLflow run {run_id}"
    return "it is ended as lost"


def _reaper(patient: HomeUnderCheck, program: Program) -> Reaper:
    assert patient.runs is not None
    assert patient.records is not None
    return Reaper(patient.home, program, patient.journal, patient.runs, patient.records, SystemClock())
