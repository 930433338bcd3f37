"""The documents' figures, logged by a plain MLflow script, through the real command."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planner.errors import ProgramError
from planner.io.programs.loader import load_program
from tests.studies.replays.replaying import PROGRAMS, document, memo_of, section, step_of
from tests.support.reference_figures import load_figures
from tests.support.small_homes import ROOT, clean_environment, cli, cli_here

PLAIN = ROOT / "tests" / "support" / "plain_mlflow.py"
STUB = '''
"""Measures nothing: the runs are logged by others."""

from experiments.contract import Config as BaseConfig
from experiments.contract import Data


class Config(BaseConfig):
    model_config = {"extra": "allow"}


PRESETS = {}


def describe(config):
    return Data(name="not at hand", digest="none")


def run(config, seed, log):
    raise RuntimeError("nothing is to be run here")
'''

NEXT = {
    "credit_linesearch": ("ready", "run_phase", "snapshot_age"),
    "ep_contraction": ("ready", "run_phase", "decisive"),
    "contrastive_retrieval": ("ready", "take_option", "raw_infonce"),
    "span_multitask": ("ready", "take_option", "single_task"),
    "gated_ctr": ("blocked", "wait", "resolve_infrastructure"),
}
each = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "gated_ctr" else pytest.mark.slow) for n in PROGRAMS]
)


def shipped(name: str) -> Path:
    """The file of the program that ships; of its draft where none ships that loads."""
    path = ROOT / "knowledge" / "programs" / f"{name}.yaml"
    try:
        load_program(path)
    except (ProgramError, OSError):
        return ROOT / "tests" / "programs" / f"{name}.yaml"
    return path


def make_home(folder: Path, name: str) -> Path:
    """A fresh home with that program alone, and its experiment where there is one."""
    home = folder / "a home"
    for part in ("knowledge/programs", "experiments", "mlruns"):
        (home / part).mkdir(parents=True)
    shutil.copy(shipped(name), home / "knowledge" / "programs" / f"{name}.yaml")
    experiment = ROOT / "experiments" / f"{name}.py"
    text = experiment.read_text() if experiment.exists() else STUB.lstrip()
    (home / "experiments" / f"{name}.py").write_text(text)
    return home


def log_plainly(home: Path, figures: Path, *phases: str) -> None:
    env = clean_environment(MLFLOW_TRACKING_URI=f"sqlite:///{home}/mlruns/mlflow.db")
    words = [sys.executable, str(PLAIN), str(figures), *phases]
    subprocess.run(words, check=True, env=env, cwd=home, capture_output=True, timeout=900)


def bare(text: str) -> str:
    """A memo without what differs from run to run: ids, dates, pictures, times."""
    text = re.sub(r"!\[[^\n]*\n", "", text)
    text = re.sub(r"\b[0-9a-f]{32}\b|\b[\w.-]+-\d+\b(?=[`) ,])", "RUN", text)
    text = re.sub(r" · \d{4}-\d\d-\d\d", "", text)
    text = re.sub(r"## Runs and cost.*", "", text, flags=re.DOTALL)
    return re.sub(r"\n{2,}", "\n\n", text).strip()


@each
def test_the_command_judges_plain_runs_as_the_author_did(name: str, tmp_path: Path) -> None:
    home = make_home(tmp_path, name)
    figures = load_figures(name)
    log_plainly(home, ROOT / "tests" / "reference" / f"{name}.json", *figures["phases"])
    reply = cli("advance", name, "--no-run", "--all", "--json", home=home)
    assert reply.code == 0, reply.err
    advanced: dict[str, Any] = reply.json
    state, action, choice = NEXT[name]
    assert (advanced["state"], advanced["next"]["action"], advanced["next"]["target"]) == (
        state,
        action,
        choice,
    )
    position = document(name)
    assert [s["phase"] for s in advanced["steps"]] == [s.verdict.phase for s in position.steps]
    for step in advanced["steps"]:
        phase = step["phase"]
        verdict = step_of(position, phase).verdict
        concluded = (step["outcome"], step["case"], step["tier"], step["confidence"], step["runs_launched"])
        assert concluded == (verdict.outcome, verdict.case, verdict.tier, "provisional", 0)
        memo = cli_here("memo", name, phase, home=home).out
        assert bare(memo) == bare(memo_of(name, position, phase))
        assert "1 seed per arm" in section(memo, "TL;DR")
        why = cli_here("explain", name, "--phase", phase, "--json", home=home).json
        assert {c["id"]: c["outcome"] for c in why["criteria"]} == {c.id: c.outcome for c in verdict.criteria}
        statuses = {c["id"]: c["status"] for c in why["claims"]}
        for claim in verdict.claims:
            superseded = why["verdict"]["superseded_by"] is not None
            assert statuses[claim.id] == ("superseded" if superseded else claim.status)
        text = cli_here("explain", name, "--phase", phase, "--full", home=home).out
        for caveat in verdict.caveats:
            assert caveat.split(": ")[0] in text
    again = cli("advance", name, "--no-run", "--all", "--json", home=home).json
    assert (again["steps"], again["next"]) == ([], advanced["next"])


@pytest.mark.slow
def test_until_a_phase_stops_there_and_a_later_advance_goes_on(tmp_path: Path) -> None:
    home = make_home(tmp_path, "contrastive_retrieval")
    log_plainly(home, ROOT / "tests" / "reference" / "contrastive_retrieval.json", "phase1")
    words = ("advance", "contrastive_retrieval", "--no-run", "--json")
    first = cli(*words, "--until", "phase1", home=home).json
    assert [s["phase"] for s in first["steps"]] == ["phase1"]
    assert first["passed_over"] == ["preflight"]
    assert first["next"]["target"] == "projection_test"
    rest = cli(*words, "--all", home=home).json
    assert [s["phase"] for s in rest["steps"]] == ["projection_test"]


@pytest.mark.slow
def test_a_mended_infrastructure_and_five_epochs_logged_later_unblock_the_program(tmp_path: Path) -> None:
    home = make_home(tmp_path, "gated_ctr")
    log_plainly(home, ROOT / "tests" / "reference" / "gated_ctr.json", "regularization")
    cli("advance", "gated_ctr", "--no-run", "--all", home=home)
    text = cli("status", "gated_ctr", home=home).out
    assert "override gated_ctr regularization --done resolve_infrastructure" in text
    runs = [
        {
            "arm": arm,
            "seed": 42,
            "params": {},
            "metrics": {"val_auc": auc, "best_epoch": 3, "gap_eval": 0.05, "epochs_completed": 5},
            "series": {"epoch_minutes": [[epoch, 20.0] for epoch in range(1, 6)]},
        }
        for arm, auc in (
            ("weak_same_lr", 0.583),
            ("balanced", 0.584),
            ("strong", 0.57),
            ("balanced_warmup", 0.584),
        )
    ]
    later = tmp_path / "later.json"
    later.write_text(json.dumps({"program": "gated_ctr", "phases": {"complete_five_epochs": {"runs": runs}}}))
    log_plainly(home, later, "complete_five_epochs")
    words = ("advance", "gated_ctr", "--no-run", "--all", "--json")
    assert cli(*words, home=home).json["state"] == "blocked"
    said = ("--done", "resolve_infrastructure", "--reason", "fresh workers", "--by", "ada")
    assert cli("override", "gated_ctr", "regularization", *said, home=home).code == 0
    advanced = cli(*words, home=home).json
    assert advanced["steps"][-1]["phase"] == "complete_five_epochs"
    assert (advanced["steps"][-1]["outcome"], advanced["next"]["target"]) == ("pass", "multi_seed")


@pytest.mark.slow
def test_runs_of_others_are_judged_where_no_experiment_is_at_hand(tmp_path: Path) -> None:
    home = make_home(tmp_path, "gated_ctr")
    (home / "experiments" / "gated_ctr.py").unlink()
    program = home / "knowledge" / "programs" / "gated_ctr.yaml"
    program.write_text(program.read_text().replace("experiment: gated_ctr", "experiment: not_written_yet"))
    log_plainly(home, ROOT / "tests" / "reference" / "gated_ctr.json", "regularization")
    reply = cli("advance", "gated_ctr", "--no-run", "--all", "--json", home=home)
    assert reply.code == 0, reply.err
    assert reply.json["steps"][0]["outcome"] == "blocked"
