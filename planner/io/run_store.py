"""Runs in MLflow: which there are, and how a finished one is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.contract import read_metrics

from planner.io import tags
from planner.io.mlflow_client import (
    Client,
    connect,
    dataset_input,
    experiment_id,
    metric_entity,
    param_entity,
    speaking_of,
    store_uri,
    tag_entity,
)
from planner.paths import Home
from planner.program import Program
from planner.recall import Snapshot
from planner.records import Description, Ended, PlannedRun, Run, UnfinishedRun

_OUTCOME_OF_STATUS = {"FINISHED": "ok", "FAILED": "code_error", "KILLED": "killed"}
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
        self._histories: dict[tuple[str, str], tuple[tuple[int, float], ...]] = {}

    def experiment(self, program: Program) -> str:
        """The id of the program's MLflow experiment.

        Side effects: makes it if it is not there.
        """
        with speaking_of(self.uri):
            return experiment_id(self.client, self.home, program.program, program.question)

    def snapshot(self, program: Program) -> Snapshot:
        """Every run of a program: launched by us, logged by others, or mapped with ``select``."""
        with speaking_of(self.uri):
            experiment = self.client.get_experiment_by_name(program.program)
            others = f"tags.`{tags.PROGRAM}` = '{program.program}'"
            found = list(self._search([experiment.experiment_id], "")) if experiment else []
            found += [
                run
                for run in self._search(self._other_experiments(experiment), others)
                if run.info.run_id not in {r.info.run_id for r in found}
            ]
            wanted = series_metrics(program)
            finished: list[Run] = []
            unfinished: list[UnfinishedRun] = []
            for raw in found:
                read = self._read(raw, wanted, program.program)
                if isinstance(read, Run):
                    finished.append(read)
                elif read is not None:
                    unfinished.append(read)
            finished += self._selected(program, wanted, {run.id for run in finished})
        return Snapshot(tuple(finished), tuple(unfinished))

    def _other_experiments(self, own: Any) -> list[str]:
        own_id = own.experiment_id if own is not None else None
        return [e.experiment_id for e in self.client.search_experiments() if e.experiment_id != own_id]

    def _search(self, experiments: Sequence[str], condition: str) -> Iterator[Any]:
        token: str | None = None
        while experiments:
            page = self.client.search_runs(
                list(experiments), condition, max_results=1000, page_token=token, order_by=["start_time ASC"]
            )
            yield from page
            token = page.token
            if not token:
                return

    def _read(self, raw: Any, wanted: frozenset[str], program: str) -> Run | UnfinishedRun | None:
        told = raw.data.tags
        if told.get(tags.PROGRAM, program) != program or told.get(tags.KIND, "run") != "run":
            return None
        if tags.ARM not in told or tags.PHASE not in told or not _is_whole(told.get(tags.SEED, "")):
            return None
        return self._as_run(raw, told[tags.PHASE], told[tags.ARM], int(told[tags.SEED]), wanted)

    def _as_run(
        self, raw: Any, phase: str, arm: str, seed: int, wanted: frozenset[str]
    ) -> Run | UnfinishedRun:
        told = raw.data.tags
        outcome = told.get(tags.OUTCOME)
        own = tags.FINGERPRINT in told
        if outcome is None and (own or raw.info.status not in _OUTCOME_OF_STATUS):
            return UnfinishedRun(
                id=raw.info.run_id, phase=phase, arm=arm, seed=seed, fingerprint=told.get(tags.FINGERPRINT)
            )
        metrics = {name: float(value) for name, value in raw.data.metrics.items()}
        return Run.model_validate(
            {
                "id": raw.info.run_id,
                "phase": phase,
                "arm": arm,
                "seed": seed,
                "fidelity": told.get(tags.FIDELITY),
                "outcome": outcome
                if outcome in _OUTCOMES
                else _OUTCOME_OF_STATUS.get(raw.info.status, "lost"),
                "params": {k: v for k, v in raw.data.params.items() if k != "seed"},
                "metrics": metrics,
                "series": {m: self._series(raw.info.run_id, m) for m in sorted(wanted & set(metrics))},
                "fingerprint": told.get(tags.FINGERPRINT),
                "data_digest": told.get(tags.DATA) or _first_dataset(raw),
                "code_digest": told.get(tags.CODE),
                "seconds": _seconds(raw),
                "attempt": int(told.get(tags.ATTEMPT, "1")),
            }
        )

    def _series(self, run_id: str, metric: str) -> tuple[tuple[int, float], ...]:
        """The values of a metric by step; asked for once, because a finished run does not change."""
        if (run_id, metric) not in self._histories:
            history = self.client.get_metric_history(run_id, metric)
            latest = {m.step: m.value for m in sorted(history, key=lambda m: (m.step, m.timestamp))}
            self._histories[run_id, metric] = tuple(sorted(latest.items()))
        return self._histories[run_id, metric]

    def _selected(self, program: Program, wanted: frozenset[str], known: set[str]) -> list[Run]:
        """Existing runs that a program maps to arms; runs of one arm are its seeds, in order of start."""
        found: list[Run] = []
        experiments = [e.experiment_id for e in self.client.search_experiments()]
        for phase, rules in program.phases.items():
            for arm, condition in rules.select.items():
                matching = [r for r in self._search(experiments, condition) if r.info.run_id not in known]
                for position, raw in enumerate(matching):
                    seed = raw.data.tags.get(tags.SEED) or raw.data.params.get("seed", "")
                    read = self._as_run(raw, phase, arm, int(seed) if _is_whole(seed) else position, wanted)
                    if isinstance(read, Run):
                        found.append(read)
        return found

    # --- writing -------------------------------------------------------------------------------

    def start(
        self,
        program: Program,
        planned: PlannedRun,
        told: Description,
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
            tags.KIND: "run",
            tags.PROGRAM: program.program,
            tags.PHASE: planned.phase,
            tags.ARM: planned.arm,
            tags.SEED: str(planned.seed),
            tags.FIDELITY: planned.fidelity,
            tags.FINGERPRINT: planned.fingerprint,
            tags.CODE: planned.code_digest,
            tags.DATA: planned.data_digest,
            tags.ATTEMPT: str(attempt),
            tags.PARENT: phase_run,
            "mlflow.source.name": f"experiments/{program.experiment}.py",
            "mlflow.source.type": "LOCAL",
            **({tags.LINEAGE: lineage} if lineage else {}),
        }
        with speaking_of(self.uri):
            made = self.client.create_run(
                self.experiment(program),
                start_time=int(started_at * 1000),
                tags=named,
                run_name=f"{planned.arm} · seed {planned.seed}",
            )
            run_id = str(made.info.run_id)
            params = [param_entity(k, param_text(v)) for k, v in sorted(planned.params.items())]
            self.client.log_batch(run_id, params=[*params, param_entity("seed", str(planned.seed))])
            profile = json.dumps({"sizes": told.sizes, "overlap": told.overlap})
            self.client.log_inputs(run_id, [dataset_input(told.data_name, planned.data_digest, profile)])
        return run_id

    def finish(self, run_id: str, folder: Path, ended: Ended, started_at: float) -> None:
        """Writes down what a run left in its folder; ``planner.outcome`` comes last.

        Doing it again after an interruption changes nothing: values keep their step and time.
        """
        with speaking_of(self.uri):
            stamp = int(started_at * 1000)
            latest = {(name, step or 0): value for name, step, value in read_metrics(folder)}
            values = [metric_entity(name, value, stamp, step) for (name, step), value in latest.items()]
            for begin in range(0, len(values), _BATCH):
                self.client.log_batch(run_id, metrics=values[begin : begin + _BATCH])
            if (folder / "artifacts").is_dir() and any((folder / "artifacts").iterdir()):
                self.client.log_artifacts(run_id, str(folder / "artifacts"))
            if ended.outcome != "ok":
                self._explain_failure(run_id, ended)
            status = {"ok": "FINISHED", "bad_metric": "FINISHED", "killed": "KILLED"}.get(
                ended.outcome, "FAILED"
            )
            self.client.log_batch(run_id, tags=[tag_entity(tags.SECONDS, f"{ended.seconds:.3f}")])
            end_time = int((started_at + ended.seconds) * 1000)
            self.client.set_terminated(run_id, status, end_time)
            self.client.set_tag(run_id, tags.OUTCOME, ended.outcome)

    def abandon(self, run_id: str, attempt: int) -> None:
        """Ends a run that was cut off with the planner; it uses up no retry, so its attempt is not counted.

        Side effects: the run is KILLED, with ``planner.outcome`` = ``lost``.
        """
        with speaking_of(self.uri):
            reason = "**lost**: the planner ended while this run was in progress; it is made again"
            self.client.set_tag(run_id, tags.NOTE, reason)
            self.client.set_tag(run_id, tags.ATTEMPT, str(attempt - 1))
            self.client.set_terminated(run_id, "KILLED")
            self.client.set_tag(run_id, tags.OUTCOME, "lost")

    def _explain_failure(self, run_id: str, ended: Ended) -> None:
        self.client.set_tag(run_id, tags.NOTE, f"**{ended.outcome}**: {ended.reason}"[: tags.NOTE_LIMIT])
        if ended.stderr_tail:
            self.client.log_text(run_id, ended.stderr_tail, "stderr.txt")


_OUTCOMES = frozenset(
    ["ok", "code_error", "bad_metric", "out_of_memory", "timeout", "slowdown", "killed", "lost"]
)


def series_metrics(program: Program) -> frozenset[str]:
    """The metrics of which more than the final value is needed."""
    found: set[str] = set()
    for phase in program.phases.values():
        for rule in phase.criteria.values():
            if getattr(rule, "at", None) is not None or getattr(rule, "since", None) is not None:
                found |= {n for n in (rule.metric, getattr(rule, "versus_metric", None)) if n}  # type: ignore[union-attr]
    for figure in program.figures.values():
        if figure.against is not None:
            found |= {*figure.shows, figure.against}
    for name in list(found):
        if name in program.metrics and program.metrics[name].share:
            found |= {program.metrics[name].share or "", *program.metrics[name].of}
    return frozenset(found)


def param_text(value: Any) -> str:
    """A parameter as MLflow shows it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _first_dataset(raw: Any) -> str | None:
    inputs = getattr(getattr(raw, "inputs", None), "dataset_inputs", None) or []
    return str(inputs[0].dataset.digest) if inputs else None


def _seconds(raw: Any) -> float:
    told: Mapping[str, str] = raw.data.tags
    if tags.SECONDS in told:
        return float(told[tags.SECONDS])
    start, end = raw.info.start_time, raw.info.end_time
    return max(end - start, 0) / 1000 if start and end else 0.0


def _is_whole(text: str) -> bool:
    return text.strip().lstrip("-").isdigit() and len(text) < 12
