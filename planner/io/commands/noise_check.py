"""What the runs that are there say of a program's thresholds, before any more are made."""

from __future__ import annotations

from planner.engine.options import AdvanceOptions
from planner.errors import PhasegateError, StoreUnavailable
from planner.evidence.run_selection import Snapshot
from planner.io.commands.open_home import open_journal
from planner.io.commands.situation import Sources, load_situation
from planner.io.mlflow.client import database_of
from planner.io.mlflow.home_store import store_uri
from planner.io.system.clock import SystemClock
from planner.io.workers.descriptions import known_descriptions
from planner.io.workers.program_code import code_of
from planner.judging.futility import noise_findings
from planner.language.finding import Finding, warning
from planner.language.program import Program
from planner.paths import Home


def measured_faults(home: Home, program: Program) -> list[Finding]:
    """A finding for every gate whose threshold lies under the noise that MLflow's runs show.

    Side effects: reads MLflow and the journal; asks no experiment.
    """
    if not home.database.exists() and database_of(store_uri(home)) is not None:
        return []
    from planner.io.store.run_store import MlflowRuns

    try:
        snapshot = MlflowRuns(home).snapshot(program)
        if not snapshot.finished:
            return []
        situation = load_situation(home, program, AdvanceOptions(), _asking_nobody(home, program, snapshot))
    except StoreUnavailable as error:
        return [warning((), f"the noise floor was not looked at: {error}")]
    return noise_findings(program, situation.state.evidence_of)


def _asking_nobody(home: Home, program: Program, snapshot: Snapshot) -> Sources:
    """What is known without asking the experiment, which may not be there."""
    journal = open_journal(home, program)
    try:
        code = code_of(home, program)
    except PhasegateError:
        code = ""
    return Sources(
        code=code,
        snapshot=lambda: snapshot,
        journal=journal,
        clock=SystemClock(),
        describe=lambda fidelity: known_descriptions(program, code, journal, fidelity),
    )
