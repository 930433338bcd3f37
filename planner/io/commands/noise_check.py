"""What the runs that are there say of a program's thresholds, before any more are made."""

from __future__ import annotations

from planner.errors import PhasegateError, StoreUnavailable
from planner.evidence.selection import Catalog, RunSelector
from planner.io.commands.open_home import code_of, open_journal
from planner.io.mlflow.client import store_uri
from planner.io.workers.descriptions import known_descriptions
from planner.judging.futility import noise_findings
from planner.language.finding import Finding, warning
from planner.language.program import Program
from planner.lineage.in_force import exclusions_today, kept_code
from planner.paths import Home


def measured_faults(home: Home, program: Program) -> list[Finding]:
    """A finding for every gate whose threshold lies under the noise that MLflow's runs show.

    Side effects: reads MLflow and the journal; asks no experiment.
    """
    if not home.database.exists() and store_uri(home).startswith("sqlite:"):
        return []
    from planner.io.mlflow.run_store import MlflowRuns

    try:
        snapshot = MlflowRuns(home).snapshot(program)
        if not snapshot.finished:
            return []
        journal = open_journal(home, program)
        entries = journal.entries(program.program)
    except StoreUnavailable as error:
        return [warning((), f"the noise floor was not looked at: {error}")]
    try:
        code = code_of(home, program)
    except PhasegateError:
        code = ""
    described = known_descriptions(program, code, journal)
    catalog = Catalog(code, kept_code(entries, code), described)
    recall = RunSelector(program, snapshot, catalog, exclusions_today(entries))
    return noise_findings(program, recall.evidence_of)
