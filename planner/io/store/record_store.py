"""Verdicts, decisions and overrides in MLflow: runs of their own, beside the runs they rest on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from planner.io.mlflow import tags
from planner.io.mlflow.client import find_experiment, metric_entity, param_entity, speaking_of, tag_entity
from planner.io.mlflow.home_store import own_uri
from planner.io.mlflow.run_reader import whole_number
from planner.io.store.run_store import MlflowRuns
from planner.io.system.processes import home_mark
from planner.judging.rules_digest import rules_digest
from planner.language.program import Program
from planner.records.decision import Decision
from planner.records.journal_entry import Copy, Stand, body_of, in_order, kind_of
from planner.records.person import AnyRecord, PersonRecord
from planner.records.verdict import Verdict
from planner.text.markdown import escape

_MOST_STANDS = 100
_MOST_BYTES = 20_000_000
"""A larger record or memo is none of ours."""


class MlflowRecords:
    """What was judged and decided, as MLflow shows it.

    Args:
        runs: the same store's runs; its client and experiment are used.

    Raises:
        StoreUnavailable: from every method, where MLflow cannot be reached or read.
    """

    def __init__(self, runs: MlflowRuns) -> None:
        self._runs = runs
        self._client = runs.client
        self._held: dict[str, dict[str, str]] = {}

    # --- reading -------------------------------------------------------------------------------

    def copies(self, program: Program) -> Iterator[Copy]:
        """Every record that MLflow holds, altered or not, with the MLflow run that is its page.

        In the order in which they became the last word, and as often as they did.
        """
        with speaking_of(self._runs.uri):
            pages = {str(raw.info.run_id): raw.data.tags for raw in self._recorded(program)}
            stands = [
                Stand(position, at, _kind_of(run_tags), page)
                for page, run_tags in pages.items()
                for at, position in _stood(run_tags)
            ]
            for position, at, kind, page in in_order(stands):
                body = self._text(page, tags.RECORD_FILE)
                record_id, home = pages[page][tags.RECORD], self._other_home(pages[page])
                yield Copy(record_id, kind, body, at, position, page, home=home)

    def _other_home(self, run_tags: Mapping[str, str]) -> str:
        """The mark of the other home that wrote a record; empty for this one's, also where it was moved."""
        mark = run_tags.get(tags.HOME, "")
        is_own = self._runs.uri == own_uri(self._runs.home) or mark == home_mark(self._runs.home)
        return "" if is_own else mark

    def memo(self, page: str) -> str | None:
        """The memo on a phase's page; None where there is none."""
        with speaking_of(self._runs.uri):
            return self._text(page, "memo.md")

    def held(self, program: Program) -> Mapping[str, str]:
        """The ids of the records that MLflow holds -> their MLflow runs; asked for once, then kept up."""
        if program.program not in self._held:
            with speaking_of(self._runs.uri):
                recorded = {str(raw.data.tags[tags.RECORD]): raw for raw in self._recorded(program)}
                self._held[program.program] = {k: str(raw.info.run_id) for k, raw in recorded.items()}
        return self._held[program.program]

    def _recorded(self, program: Program) -> Iterator[Any]:
        experiment = find_experiment(self._client, self._runs.home, program.program)
        if experiment is None:
            return
        for raw in self._runs._search([experiment.experiment_id], f"tags.`{tags.RECORD}` != ''"):
            if _lies_in(str(raw.info.artifact_uri), str(experiment.artifact_location)):
                yield raw

    def _text(self, run_id: str, name: str) -> str | None:
        """The text of an artifact; None where it is not there, or is no text."""
        file_info = next((file for file in self._client.list_artifacts(run_id) if file.path == name), None)
        if file_info is None or file_info.is_dir or (file_info.file_size or 0) > _MOST_BYTES:
            return None
        with tempfile.TemporaryDirectory() as folder, suppress(ValueError):
            path = self._client.download_artifacts(run_id, name, folder)
            return Path(path).read_text(encoding="utf-8")
        return None

    # --- writing -------------------------------------------------------------------------------

    def stood(self, run_id: str, at: str, position: int) -> None:
        """Notes that a record became the last word then; a record can do so more than once.

        Side effects: one tag; the first time and the latest ones are kept.
        """
        with speaking_of(self._runs.uri):
            noted = _stood(self._client.get_run(run_id).data.tags, noted_only=True)
            if (at, position) not in noted:
                kept = sorted([*noted, (at, position)])
                kept = [*kept[:1], *kept[1:][-_MOST_STANDS:]]
                text = " ".join(f"{when}#{where}" for when, where in kept)
                self._client.set_tag(run_id, tags.STOOD, text)

    def phase_run(self, program: Program, phase: str, fidelity: str) -> str:
        """The open attempt at a phase: the parent of its runs until its verdict is there.

        Side effects: makes it if none is open.
        """
        with speaking_of(self._runs.uri):
            experiment = self._runs.experiment(program)
            condition = (
                f"tags.`{tags.KIND}` = 'phase' AND tags.`{tags.PHASE}` = '{phase}' "
                f"AND tags.`{tags.FIDELITY}` = '{fidelity}'"
            )
            open_runs = list(self._runs._search([experiment], condition))
            still_open = [raw for raw in open_runs if tags.RECORD not in raw.data.tags]
            if still_open:
                return self._reopened(still_open[0])
            attempt = len(open_runs) + 1
            named = {
                tags.KIND: "phase",
                tags.PROGRAM: program.program,
                tags.PHASE: phase,
                tags.FIDELITY: fidelity,
                tags.ATTEMPT: str(attempt),
                tags.HOME: home_mark(self._runs.home),
                tags.NOTE: escape(program.phases[phase].question),
            }
            made = self._client.create_run(experiment, tags=named, run_name=f"phase {phase}")
            run_id = str(made.info.run_id)
            params = [param_entity(k, v) for k, v in _rules_in_brief(program, phase).items()]
            self._client.log_batch(run_id, params=params)
            return run_id

    def _reopened(self, raw: Any) -> str:
        """An open attempt, running again where it was ended with the planner."""
        run_id = str(raw.info.run_id)
        if tags.OUTCOME in raw.data.tags:
            self._client.update_run(run_id, status="RUNNING")
            self._client.delete_tag(run_id, tags.OUTCOME)
        return run_id

    def write_verdict(self, run_id: str, verdict: Verdict, at: str) -> None:
        """Closes an attempt at a phase with its verdict.

        Side effects: metrics (mean of each metric and arm), tags and ``record.json``; the record's id
        comes last, so that an interrupted write is done again, which changes nothing of it.
        """
        with speaking_of(self._runs.uri):
            stamp = _milliseconds(at)  # the same again, or MLflow would keep each value twice
            metrics = [
                metric_entity(f"{row.metric}/{row.arm}", row.estimate.value, stamp, 0)
                for row in verdict.table
            ]
            run_tags = {
                tags.VERDICT: verdict.outcome,
                tags.CONFIDENCE: verdict.confidence,
                tags.TIER: verdict.tier,
                tags.CASE: verdict.case,
                tags.AT: at,
            }
            self._client.log_batch(
                run_id,
                metrics=metrics[:1000],
                tags=[tag_entity(name, value) for name, value in run_tags.items() if value is not None],
            )
            self._client.update_run(run_id, name=_title(verdict))
            self._finish(run_id, verdict)

    def write_memo(
        self, run_id: str, text: str, note: str, figures: Sequence[Path], explain: Mapping[str, Any]
    ) -> None:
        """Puts the memo on a phase run's page: as its description, and as ``memo.md`` with its figures."""
        with speaking_of(self._runs.uri):
            self._client.log_text(run_id, text, "memo.md")
            for figure in figures:
                self._client.log_artifact(run_id, str(figure), "figures")
            self._client.log_text(run_id, json.dumps(explain, indent=2, sort_keys=True), "explain.json")
            self._client.set_tag(run_id, tags.NOTE, short_note(note))

    def write_decision(
        self, decision: Decision, verdict: Verdict | None, parent: str, note: str, at: str
    ) -> str:
        """A decision as a child of its phase run, with what it was based on; returns its MLflow run.

        Side effects: makes the run; the record's id comes last.
        """
        params = {
            "action": decision.action,
            "choice": decision.choice or "-",
            "rule": str(decision.rule),
            "fidelity": decision.fidelity,
            "verdict": f"{verdict.outcome} ({verdict.confidence})" if verdict else "-",
            "recommended": decision.recommended or "-",
            "rejected": ", ".join(r.choice for r in decision.rejected) or "-",
            "program_digest": decision.program_digest,
        }
        name = f"decision: {decision.action} {decision.choice or ''}".strip()
        run_id = self._child("decision", decision, parent, name, note, at)
        with speaking_of(self._runs.uri):
            stamp = _milliseconds(at)
            metrics = []
            for result in verdict.criteria if verdict else ():
                pairs = {"observed": result.observed, "margin": result.margin, "flips_at": result.flips_at}
                metrics += [
                    metric_entity(f"{part}/{result.id}", value, stamp, 0)
                    for part, value in pairs.items()
                    if value is not None
                ]
            self._client.log_batch(
                run_id, metrics=metrics[:1000], params=[param_entity(k, v) for k, v in params.items()]
            )
            self._finish(run_id, decision)
        return run_id

    def write_person(self, record: PersonRecord, parent: str | None, note: str, at: str) -> str:
        """An override (or what goes with it) as a run of its own; returns its MLflow run."""
        kind = kind_of(record)
        run_id = self._child(kind, record, parent, f"{kind} by {record.by}", note, at)
        with speaking_of(self._runs.uri):
            content = record.model_dump(mode="json", exclude={"id", "schema_version", "program"})
            params = [param_entity(k, str(v)) for k, v in content.items() if v not in (None, "")]
            self._client.log_batch(run_id, params=params)
            self._finish(run_id, record)
        return run_id

    def _child(self, kind: str, record: AnyRecord, parent: str | None, name: str, note: str, at: str) -> str:
        named = {
            tags.KIND: kind,
            tags.PROGRAM: record.program,
            tags.PHASE: record.phase,
            tags.NOTE: short_note(note),
            tags.AT: at,
            tags.HOME: home_mark(self._runs.home),
            **({tags.PARENT: parent} if parent else {}),
        }
        with speaking_of(self._runs.uri):
            experiment = self._client.get_experiment_by_name(record.program)
            if experiment is None:
                raise KeyError(record.program)
            made = self._client.create_run(
                experiment.experiment_id, start_time=_milliseconds(at), tags=named, run_name=name
            )
            return str(made.info.run_id)

    def _finish(self, run_id: str, record: AnyRecord) -> None:
        """The record itself, and last its id: without it the run is nobody's record."""
        self._client.log_text(run_id, body_of(record), tags.RECORD_FILE)
        self._client.set_terminated(run_id, "FINISHED")
        self._client.set_tag(run_id, tags.RECORD, record.id)
        self._held.setdefault(record.program, {})[record.id] = run_id


def _stood(run_tags: Mapping[str, str], noted_only: bool = False) -> list[tuple[str, int]]:
    """When a record was the last word: (at, position in the journal) each time."""
    noted = [stand.rpartition("#") for stand in run_tags.get(tags.STOOD, "").split()]
    moments = [
        (at, position)
        for at, _, position_text in noted
        if (position := whole_number(position_text)) is not None
    ]
    return moments or ([] if noted_only else [(str(run_tags.get(tags.AT, "")), 0)])


def _kind_of(run_tags: Mapping[str, str]) -> str:
    """The journal's name for the type of the record on a page."""
    kind = run_tags.get(tags.KIND, "")
    return "verdict" if kind == "phase" else kind


def _milliseconds(at: str) -> int:
    """An ISO moment as MLflow counts time."""
    return int(datetime.fromisoformat(at).timestamp() * 1000)


def _lies_in(location: str, folder: str) -> bool:
    """Whether a run keeps its artifacts where its experiment does: nothing is read from elsewhere."""
    return location.startswith(folder.rstrip("/") + "/") and ".." not in location.split("/")


def _title(verdict: Verdict) -> str:
    """A phase run's name in the list of runs, with the answer in it."""
    row = f" {verdict.case or verdict.tier}" if verdict.case or verdict.tier else ""
    rung = "" if verdict.fidelity == "standard" else f" ({verdict.fidelity})"
    return f"{verdict.phase}: {verdict.outcome}{row}, {verdict.confidence}{rung}"


def _rules_in_brief(program: Program, phase: str) -> dict[str, str]:
    """What a phase asks, as the parameters of its page."""
    rules = program.phases[phase]
    return {
        "question": rules.question,
        "arms": ", ".join(rules.arms),
        "gate": ", ".join(rules.gate),
        "factor": ", ".join(rules.factors) or "-",
        "least_seeds": str(rules.least_seeds),
        "rules_digest": rules_digest(program, phase),
    }


def short_note(text: str) -> str:
    """A text that fits a run's description: whole, or its beginning up to a heading, with a pointer."""
    if len(text) <= tags.NOTE_LIMIT:
        return text
    pointer = "\n\n*The whole memo is the artifact `memo.md` of this run.*\n"
    kept = text[: tags.NOTE_LIMIT - len(pointer)]
    cut = kept.rfind("\n## ")
    return (kept[:cut] if cut > 0 else kept) + pointer
