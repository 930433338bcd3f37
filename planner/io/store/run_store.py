"""Runs in MLflow: which there are, and how a finished one is written down."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments.contract import artifact_names
from experiments.recording import read_metrics, tidy_artifacts

from planner.engine.ports import EndedRun
from planner.errors import ProgramError
from planner.evidence.metric_names import logged_names, under_own_names
from planner.evidence.repeats import DueRepeat, repeat_of
from planner.evidence.run_selection import Snapshot
from planner.io.mlflow import tags
from planner.io.mlflow.client import (
    Client,
    connect,
    dataset_input,
    experiment_id,
    find_experiment,
    metric_entity,
    pages,
    param_entity,
    speaking_of,
    tag_entity,
)
from planner.io.mlflow.home_store import address_of, own_uri, store_uri
from planner.io.mlflow.run_reader import attempt_of, param_text, read_run, series_metrics, whole_number
from planner.io.store.command_log import is_of_command, log_params_beside, looked_at
from planner.io.store.evidence_sources import runs_in_sources
from planner.io.store.repeat_runs import KIND, differences_to_log, note, read_repeats, second_run
from planner.io.store.run_log import keep_log
from planner.io.store.selected_runs import left_running, measured, selected_runs
from planner.io.system.processes import home_mark
from planner.io.system.secrets import hidden_param, hide_in_files
from planner.language.program import Program
from planner.paths import Home
from planner.records.jobs import Description, Ended
from planner.records.repeats import Repeat
from planner.records.runs import PlannedRun, Run, RunOutcome, UnfinishedRun
from planner.text.markdown import escape
from planner.text.terminal import sentence

LOST = "its planner ended while it was in progress"
_BATCH = 500


class MlflowRuns:
    """The runs of all programs in one MLflow store.

    Raises:
        StoreUnavailable: from every method, where MLflow cannot be reached or read.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.uri = store_uri(home)
        self.client: Client = connect(home)
        self._experiments: dict[str, str] = {}
        self._code_runs: dict[str, str] = {}
        self._histories: dict[tuple[str, str], tuple[tuple[int, float], ...]] = {}

    def experiment(self, program: Program) -> str:
        """The id of the program's MLflow experiment.

        Side effects: makes it if it is not there.
        """
        name = program.program
        if name not in self._experiments:
            with speaking_of(self.uri):
                self._experiments[name] = experiment_id(
                    self.client, self.home, name, escape(program.question)
                )
        return self._experiments[name]

    def snapshot(self, program: Program, stepped: Collection[str] = ()) -> Snapshot:
        """Every run of a program: launched by us, logged by others, selected, or in stores that it names.

        Args:
            stepped: metrics of which every step is wanted, besides those that the program asks for.
        """
        with speaking_of(self.uri):
            experiment = find_experiment(self.client, self.home, program.program)
            others = f"tags.`{tags.PROGRAM}` = '{program.program}'"
            runs = list(self._search([experiment.experiment_id], "")) if experiment else []
            repeats = read_repeats(program, runs)
            ids = {run.info.run_id for run in runs}
            elsewhere = self._search(self._other_experiments(experiment), others)
            runs += [run for run in elsewhere if run.info.run_id not in ids]
            wanted = series_metrics(program) | set(stepped)
            finished: list[Run] = []
            unfinished: list[UnfinishedRun] = []
            for raw in runs:
                read = self._read(program, raw, wanted)
                if isinstance(read, Run):
                    finished.append(read)
                elif read is not None:
                    unfinished.append(read)
            ids = {run.id for run in finished}
            if not program.evidence:
                finished += self._selected(program, wanted, ids)
        if program.evidence:
            finished += [run for run in runs_in_sources(self.home, program) if run.id not in ids]
        return Snapshot(tuple(finished), tuple(unfinished), repeats)

    def _other_experiments(self, own: Any) -> list[str]:
        own_id = own.experiment_id if own is not None else None
        return [e.experiment_id for e in pages(self.client.search_experiments) if e.experiment_id != own_id]

    def _search(self, experiments: Sequence[str], condition: str) -> Iterator[Any]:
        if experiments:
            by_start = {"order_by": ["start_time ASC"]}
            yield from pages(self.client.search_runs, list(experiments), condition, **by_start)

    def _read(self, program: Program, raw: Any, wanted: frozenset[str]) -> Run | UnfinishedRun | None:
        run_tags = raw.data.tags
        if (
            run_tags.get(tags.PROGRAM, program.program) != program.program
            or run_tags.get(tags.KIND, "run") != "run"
        ):
            return None
        seed = whole_number(run_tags.get(tags.SEED, ""))
        if tags.ARM not in run_tags or tags.PHASE not in run_tags or seed is None:
            return None
        return self._read_as(program, raw, run_tags[tags.PHASE], run_tags[tags.ARM], seed, wanted)

    def _read_as(
        self, program: Program, raw: Any, phase: str, arm: str, seed: int, wanted: frozenset[str]
    ) -> Run | UnfinishedRun:
        logged = logged_names(program, wanted)
        read = read_run(raw, phase, arm, seed, logged, lambda name: self._series(raw.info.run_id, name))
        return under_own_names(program, read) if isinstance(read, Run) else read

    def _series(self, run_id: str, metric: str) -> tuple[tuple[int, float], ...]:
        """The values of a metric by step; asked for once, because a finished run does not change."""
        if (run_id, metric) not in self._histories:
            history = self.client.get_metric_history(run_id, metric)
            latest = {m.step: m.value for m in sorted(history, key=lambda m: (m.step, m.timestamp))}
            self._histories[run_id, metric] = tuple(sorted(latest.items()))
        return self._histories[run_id, metric]

    def _selected(self, program: Program, wanted: frozenset[str], ids: set[str]) -> list[Run]:
        """Existing runs that a program maps to arms."""
        runs: list[Run] = []
        experiments = [e.experiment_id for e in pages(self.client.search_experiments)]
        for phase, rules in program.phases.items():
            by_arm: dict[str, list[Any]] = {}
            for arm, condition in rules.select.items():
                told_in = f"{self.home.program(program.program)}: phases.{phase}.select.{arm}"
                with _as_fault_of(told_in, condition):
                    matching = [r for r in self._search(experiments, condition) if r.info.run_id not in ids]
                by_arm[arm] = [r for r in matching if r.data.tags.get(tags.KIND) != KIND]
            for arm, of_arm in selected_runs(by_arm).items():
                for raw, seed, seed_from in of_arm:
                    read = self._read_as(program, raw, phase, arm, seed, wanted)
                    run = read if isinstance(read, Run) else left_running(read)
                    runs.append(measured(program, run.model_copy(update={"seed_from": seed_from})))
        return runs

    # --- writing -------------------------------------------------------------------------------

    def start(
        self,
        program: Program,
        planned: PlannedRun,
        description: Description,
        phase_run: str,
        attempt: int,
        lineage: str | None,
        started_at: float,
    ) -> str:
        """Makes the MLflow run of a planned one and returns its id.

        Side effects: the run is there, RUNNING, with its parameters and dataset, and without
        ``planner.outcome``: nobody can mistake it for a finished one.
        """
        named = {
            **_identity_tags(program, planned),
            tags.ATTEMPT: str(attempt),
            tags.PARENT: phase_run,
            **({tags.PROBE: program.probe} if program.probes else {}),
            **({tags.LINEAGE: lineage} if lineage else {}),
        }
        name = f"{planned.arm} · seed {planned.seed}"
        return self._begin(program, planned, description, named, name, started_at)

    def start_repeat(
        self, program: Program, due: DueRepeat, description: Description, started_at: float
    ) -> str:
        """Makes the MLflow run of one that is made a second time and returns its id.

        It lies beside the first and has no fingerprint: nobody takes it for evidence.

        Side effects: as ``start``.
        """
        identity = _identity_tags(program, due.planned)
        with speaking_of(self.uri):
            parent = self.client.get_run(due.first.id).data.tags.get(tags.PARENT)
        named = {
            **{name: value for name, value in identity.items() if name != tags.FINGERPRINT},
            tags.KIND: KIND,
            tags.REPEATS: due.first.id,
            tags.TOGETHER: str(description.together),
            tags.NOTE: note(due.first),
            **({tags.PARENT: parent} if parent else {}),
        }
        name = f"{due.planned.arm} · seed {due.planned.seed}, made twice"
        return self._begin(program, due.planned, description, named, name, started_at)

    def _begin(
        self,
        program: Program,
        planned: PlannedRun,
        description: Description,
        named: dict[str, str],
        name: str,
        started_at: float,
    ) -> str:
        """Makes an MLflow run with its parameters and its dataset."""
        named = {**named, tags.HOME: home_mark(self.home), tags.IDENTITY: tags.CHECKED}
        with speaking_of(self.uri):
            code_run = self._code_run(program, planned.code_digest)
            named |= {tags.CODE_RUN: code_run} if code_run else {}
            made = self.client.create_run(
                self.experiment(program), start_time=int(started_at * 1000), tags=named, run_name=name
            )
            run_id = str(made.info.run_id)
            if (
                program.command is None
            ):  # a command may log its own, in other words: what it leaves out follows
                texts = {k: hidden_param(k, param_text(v)) for k, v in sorted(planned.params.items())}
                params = [param_entity(k, text) for k, text in {**texts, "seed": str(planned.seed)}.items()]
                self.client.log_batch(run_id, params=params)
            profile = json.dumps({"sizes": description.sizes, "overlap": description.overlap})
            self.client.log_inputs(
                run_id, [dataset_input(description.data_name, planned.data_digest, profile)]
            )
            if code_run is None:
                self._keep_code(run_id, planned.code_digest)
        return run_id

    def _code_run(self, program: Program, digest: str) -> str | None:
        """The run that keeps the code of a digest; None where none does, or it was deleted."""
        if digest not in self._code_runs:
            condition = f"tags.`{tags.CODE}` = '{digest}' AND tags.`{tags.CODE_RUN}` != ''"
            runs = self._search([self.experiment(program)], condition)
            ids = (str(raw.info.run_id) for raw in runs if raw.data.tags[tags.CODE_RUN] == raw.info.run_id)
            kept = next(ids, None)
            if kept is None:
                return None
            self._code_runs[digest] = kept
        return self._code_runs[digest]

    def _keep_code(self, run_id: str, digest: str) -> None:
        """Keeps the code with a run, once for each digest; the tag comes last."""
        folder = self.home.readable_code(digest)
        if folder.is_dir():
            self.client.log_artifacts(run_id, str(folder), f"code-{digest[:12]}")
            self.client.set_tag(run_id, tags.CODE_RUN, run_id)
            self._code_runs[digest] = run_id

    def variables(self, program: Program, run_id: str) -> dict[str, str]:
        """The variables by which MLflow's clients find a run: what a command logs by itself lands there."""
        uri = address_of(self.home.database.absolute()) if self.uri == own_uri(self.home) else self.uri
        return {
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_RUN_ID": run_id,
            "MLFLOW_EXPERIMENT_ID": self.experiment(program),
        }

    def finish(self, run_id: str, folder: Path, ended: Ended, started_at: float) -> Ended:
        """Writes down what a run left in its folder; ``planner.outcome`` comes last.

        Doing it again after an interruption changes nothing: values keep their step and time.
        """
        with speaking_of(self.uri):
            if is_of_command(folder):
                raw = self.client.get_run(run_id)
                ended = looked_at(raw, folder, ended)
                log_params_beside(self.client, raw, folder)
            stamp = int(started_at * 1000)
            latest = {(name, step or 0): value for name, step, value in read_metrics(folder)}
            values = [metric_entity(name, value, stamp, step) for (name, step), value in latest.items()]
            for begin in range(0, len(values), _BATCH):
                self.client.log_batch(run_id, metrics=values[begin : begin + _BATCH])
            tidy_artifacts(folder)
            hide_in_files(folder / "artifacts")
            files = artifact_names(folder)
            if files:
                self.client.log_artifacts(run_id, str(folder / "artifacts"))
            keep_log(self.client, run_id, ended.output, files)
            if ended.outcome != "ok":
                note = f"**{ended.outcome}**: {escape(ended.reason)}"[: tags.NOTE_LIMIT]
                self.client.set_tag(run_id, tags.NOTE, note)
            status = {"ok": "FINISHED", "bad_metric": "FINISHED", "killed": "KILLED"}.get(
                ended.outcome, "FAILED"
            )
            run_tags = {tags.SECONDS: f"{ended.seconds:.3f}", tags.ARTIFACTS: json.dumps(files)}
            run_tags |= {tags.DEVICE: ended.device} if ended.device else {}
            run_tags |= {tags.REASON: ended.cause} if ended.cause else {}
            run_tags |= {tags.VERSION + name: version for name, version in ended.versions.items()}
            run_tags |= {tags.RAISED_AT: ended.raised_at} if ended.raised_at else {}
            self.client.log_batch(run_id, tags=[tag_entity(k, v) for k, v in run_tags.items()])
            end_time = int((started_at + ended.seconds) * 1000)
            self.client.set_terminated(run_id, status, end_time)
            self.client.set_tag(run_id, tags.OUTCOME, ended.outcome)
        return ended

    def finish_repeat(
        self, program: Program, run_id: str, due: DueRepeat, folder: Path, ended: Ended, started_at: float
    ) -> Repeat:
        """Writes down what a second time left in its folder, and how far it is from the first.

        Side effects: as ``finish``; ``planner.outcome`` comes last.
        """
        with speaking_of(self.uri):
            logged = self.client.get_run(run_id).data.metrics if is_of_command(folder) else {}
        again = second_run(program, due.first, run_id, folder, ended, logged)
        repeat = repeat_of(program, due.first, again, due.together)
        with speaking_of(self.uri):
            stamp = int(started_at * 1000)
            differences = differences_to_log(program, due.first, again)
            metrics = [metric_entity(name, value, stamp, 0) for name, value in differences.items()]
            answer = {tags.REPRODUCIBLE: "yes" if repeat.same else "no"} if repeat.came_out else {}
            run_tags = [tag_entity(name, value) for name, value in answer.items()]
            if metrics:
                self.client.log_batch(run_id, metrics=metrics, tags=run_tags)
        self.finish(run_id, folder, ended, started_at)
        return repeat

    def abandon(self, run_id: str, outcome: RunOutcome, reason: str, output: str = "") -> bool:
        """Ends a run that was cut off from outside; it uses up no retry, so its attempt is not counted.

        The journal of a copied home names the runs of the original, which may be at work on them in a
        store that both use: they are left alone.

        Returns:
            Whether it is this home's to end.

        Side effects: the run has its log and ``planner.outcome`` and is KILLED; in this order, because what
            is not RUNNING any more is not looked at again.
        """
        with speaking_of(self.uri):
            run = self.client.get_run(run_id)
            held, mark = run.data.tags, home_mark(self.home)
            if self.uri != own_uri(self.home) and held.get(tags.HOME, mark) != mark:
                return False
            run_tags = {
                tags.NOTE: f"**{outcome}**: {escape(reason)}; it is made again",
                tags.ATTEMPT: str(attempt_of(held) - 1),
                tags.SECONDS: "0.000",  # nobody knows when it ended, and it may have been days ago
                tags.OUTCOME: outcome,
            }
            if tags.OUTCOME not in held:  # or it was written down before an interruption, and is told once
                keep_log(self.client, run_id, output, ())
                self.client.log_batch(run_id, tags=[tag_entity(k, v) for k, v in run_tags.items()])
            if run.info.status == "RUNNING":
                self.client.set_terminated(run_id, "KILLED")
        return True

    def in_progress(self, program: Program) -> list[UnfinishedRun]:
        """The runs that this home began and nobody has finished, in order of their start."""
        with speaking_of(self.uri):
            runs = [self._read(program, raw, frozenset()) for raw in self._running(program)]
        return [run for run in runs if isinstance(run, UnfinishedRun) and run.fingerprint is not None]

    def _running(self, program: Program) -> list[Any]:
        """What is RUNNING in the home's own SQLite store; in one that others share, what this home began."""
        condition = "attributes.status = 'RUNNING'"
        if self.uri != own_uri(self.home):
            condition += f" AND tags.`{tags.HOME}` = '{home_mark(self.home)}'"
        return list(self._search([self.experiment(program)], condition))

    def end_orphans(self, program: Program) -> list[EndedRun]:
        """Ends whatever this home began and nobody has finished.

        A phase that is ended so is taken up again when runs are made for it.

        Side effects: these runs are KILLED, with ``planner.outcome`` = ``lost``.
        """
        with speaking_of(self.uri):
            ended: list[EndedRun] = []
            for raw in self._running(program):
                run_tags, run_id = raw.data.tags, str(raw.info.run_id)
                if tags.FINGERPRINT in run_tags:
                    self.abandon(run_id, "lost", LOST)
                    if tags.OUTCOME not in run_tags:
                        fingerprint, attempt = run_tags[tags.FINGERPRINT], attempt_of(run_tags) - 1
                        ended.append(EndedRun(fingerprint, attempt, run_id, "lost", 0.0))
                elif run_tags.get(tags.KIND, "run") != "run" and tags.RECORD not in run_tags:
                    self.client.set_terminated(run_id, "KILLED")
                    self.client.set_tag(run_id, tags.OUTCOME, "lost")
            return ended


@contextmanager
def _as_fault_of(store: str, condition: str) -> Iterator[None]:
    """Turns MLflow's refusal of a filter into a fault of the program that holds it."""
    try:
        yield
    except Exception as error:
        if getattr(error, "error_code", "") != "INVALID_PARAMETER_VALUE":
            raise
        what = f"MLflow takes no such filter as {condition[:80]!r}: {sentence(str(error), 300)}"
        raise ProgramError([((store,), what)]) from error


def _identity_tags(program: Program, planned: PlannedRun) -> dict[str, str]:
    """What a run is, however often it is tried."""
    return {
        tags.KIND: "run",
        tags.PROGRAM: program.program,
        tags.PHASE: planned.phase,
        tags.ARM: planned.arm,
        tags.SEED: str(planned.seed),
        tags.FIDELITY: planned.fidelity,
        tags.FINGERPRINT: planned.fingerprint,
        tags.CODE: planned.code_digest,
        tags.DATA: planned.data_digest,
        "mlflow.source.name": f"experiments/{program.experiment}.py",
        "mlflow.source.type": "LOCAL",
    }
