"""The shipped study from nothing, at smoke fidelity, checked against MLflow's database without our code."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def cli(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "--home", str(home), *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    home = tmp_path_factory.mktemp("a home")
    for folder in ("knowledge", "experiments"):
        ignored = shutil.ignore_patterns("memos", "__pycache__")
        shutil.copytree(ROOT / folder, home / folder, ignore=ignored)
    done = cli(home, "advance", "credit_linesearch", "--all", "--fidelity", "smoke", "--json")
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout)


def metrics_by_arm(home: Path, phase: str, metric: str) -> dict[str, dict[int, float]]:
    """arm -> seed -> final value, straight from MLflow's tables."""
    with sqlite3.connect(home / "mlruns" / "mlflow.db") as db:
        tags: dict[str, dict[str, str]] = defaultdict(dict)
        for run, key, value in db.execute("SELECT run_uuid, key, value FROM tags"):
            tags[run][key] = value
        values = db.execute("SELECT run_uuid, value FROM latest_metrics WHERE key = ?", (metric,))
        by_arm: dict[str, dict[int, float]] = defaultdict(dict)
        for run, value in values:
            run_tags = tags[run]
            if run_tags.get("planner.kind") == "run" and run_tags["planner.phase"] == phase:
                by_arm[run_tags["planner.arm"]][int(run_tags["planner.seed"])] = value
    return by_arm


def column(memo: str, heading: str) -> dict[str, float]:
    """arm -> the mean that the memo's table of results gives."""
    lines = memo.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("| arm") and heading in line)
    index = [cell.strip().split(" ")[0] for cell in lines[head].strip("|").split("|")].index(heading)
    rows: dict[str, float] = {}
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[cells[0].strip("`")] = float(cells[index].split(" ")[0])
    return rows


def test_the_first_two_phases_are_judged_and_the_second_supersedes_the_first(
    study: tuple[Path, dict[str, Any]],
) -> None:
    home, reply = study
    assert [step["phase"] for step in reply["steps"]][:2] == ["phase_6a", "samebatch"]
    (program,) = json.loads(cli(home, "status", "credit_linesearch", "--json").stdout)["programs"]
    phases = {p["name"]: p for p in program["phases"]}
    assert phases["phase_6a"]["superseded_by"] == "samebatch"
    assert not phases["samebatch"]["stale"]


@pytest.mark.parametrize("metric", ["dl_same", "dl_held"])
def test_the_means_in_the_memo_are_those_of_the_runs_in_mlflow(
    study: tuple[Path, dict[str, Any]], metric: str
) -> None:
    home, _ = study
    shown = column(cli(home, "memo", "credit_linesearch", "samebatch").stdout, metric)
    runs = metrics_by_arm(home, "samebatch", metric)
    assert set(shown) == set(runs)
    for arm, mean in shown.items():
        assert mean == pytest.approx(statistics.mean(runs[arm].values()), rel=0.006, abs=1e-9)


def test_the_verdict_follows_from_the_runs(study: tuple[Path, dict[str, Any]]) -> None:
    home, reply = study
    same = {a: statistics.mean(v.values()) for a, v in metrics_by_arm(home, "samebatch", "dl_same").items()}
    order = [f"{credit}_norm" for credit in ("oracle", "vec_m4", "scalar_cb", "dfa")]
    ordered = all(same[better] < same[worse] for better, worse in zip(order, order[1:], strict=False))
    falls = all(same[arm] < 0 for arm in order[:3])
    step = next(step for step in reply["steps"] if step["phase"] == "samebatch")
    assert (step["outcome"] == "pass") == (ordered and falls)


def test_a_second_advance_launches_nothing_and_changes_no_decision(
    study: tuple[Path, dict[str, Any]],
) -> None:
    home, _ = study
    before = cli(home, "explain", "credit_linesearch", "--json").stdout
    again = json.loads(
        cli(home, "advance", "credit_linesearch", "--all", "--fidelity", "smoke", "--json").stdout
    )
    assert again["steps"] == []
    assert cli(home, "explain", "credit_linesearch", "--json").stdout == before


def test_no_run_is_left_running_and_every_run_of_ours_has_an_outcome(
    study: tuple[Path, dict[str, Any]],
) -> None:
    home, _ = study
    with sqlite3.connect(home / "mlruns" / "mlflow.db") as db:
        assert db.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone() == (0,)
        ours = db.execute(
            "SELECT count(*) FROM tags WHERE key = 'planner.kind' AND value IN ('run', 'probe')"
        ).fetchone()
        ended = db.execute(
            "SELECT count(*) FROM tags WHERE key = 'planner.outcome' AND value = 'ok'"
        ).fetchone()
    assert ours == ended


def test_a_memo_names_every_run_it_rests_on(study: tuple[Path, dict[str, Any]]) -> None:
    home, _ = study
    memo = cli(home, "memo", "credit_linesearch", "samebatch").stdout
    with sqlite3.connect(home / "mlruns" / "mlflow.db") as db:
        run_ids = {row[0] for row in db.execute("SELECT run_uuid FROM runs")}
    named = set(re.findall(r"`([0-9a-f]{32})`", memo))
    assert named
    assert named <= run_ids
