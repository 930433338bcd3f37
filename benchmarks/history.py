"""How long ``judge`` takes on a long history: ``make bench-history``.

A store of many runs is made in MLflow's own schema, with ten parameters, three metrics and five tags a run,
and judged in a process of its own. The figures are CPU seconds and memory of that process, less what
``import mlflow`` takes in one.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from planner.io.mlflow.client import client_of

RESULTS = Path(__file__).parent / "results" / "history.json"
SIZES = ((1_000, 50), (10_000, 500), (100_000, 500))
"""(runs, arms)."""
_CHILD = """
import json, resource, sys
{work}
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"cpu_s": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024}}), file=sys.stderr)
"""
_JUDGE = """
from planner.cli.app import app
app(["judge", {store!r}, "--metric", "val/acc", "--arms-by", "optimizer,lr", "--json"], standalone_mode=False)
"""


def make_store(path: Path, runs: int, arms: int) -> None:
    """Writes an MLflow database with this many finished runs.

    Side effects: writes the file.
    """
    client_of(f"sqlite:///{path}").search_experiments()
    chance = random.Random(runs)
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time)"
            " VALUES (7, 'long', '', 'active', 0)"
        )
        for number in range(runs):
            arm, seed, run_id = number % arms, number // arms, f"{number:032x}"
            db.execute(
                "INSERT INTO runs (run_uuid, name, source_type, status, start_time, end_time,"
                " lifecycle_stage, experiment_id, user_id, source_name, entry_point_name, source_version,"
                " artifact_uri)"
                " VALUES (?, ?, 'LOCAL', 'FINISHED', ?, ?, 'active', 7, '', '', '', '', '')",
                (run_id, f"run-{number}", number * 1000, number * 1000 + 500),
            )
            params = {"optimizer": f"o{arm % 10}", "lr": f"{arm // 10 + 1}e-4", "seed": str(seed)}
            params |= {"batch_size": "32", "output_dir": f"/runs/{number}"}
            params |= {f"setting_{i}": "x" for i in range(5)}
            db.executemany(
                "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
                [(key, value, run_id) for key, value in params.items()],
            )
            db.executemany(
                "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
                [(f"tag_{i}", "y", run_id) for i in range(5)],
            )
            for metric in ("val/acc", "val/loss", "train/loss"):
                value = 0.7 + 0.001 * (arm % 7) + chance.gauss(0, 0.01)
                db.execute(
                    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
                    " VALUES (?, ?, 0, 100, 0, ?)",
                    (metric, value, run_id),
                )


def measured(work: str) -> dict[str, float]:
    """CPU seconds and MB of a process that does this work."""
    words = [sys.executable, "-c", _CHILD.format(work=work)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    used: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return used


def main() -> None:
    """Measures every size and writes the figures down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--largest", type=int, default=SIZES[-1][0])
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for runs, arms in SIZES:
            if runs > options.largest:
                continue
            path = Path(folder) / f"{runs}.db"
            make_store(path, runs, arms)
            for _ in range(options.repetitions):
                floor = measured("import mlflow")["cpu_s"]
                used = measured(_JUDGE.format(store=str(path)))
                rows.append({"runs": runs, "arms": arms, **used, "import_mlflow_cpu_s": floor})
                beyond = f"{used['cpu_s'] - floor:+.2f} beyond import mlflow"
                cost = f"{used['cpu_s']:.2f} CPU s ({beyond}), {used['mb']:.0f} MB"
                sys.stdout.write(f"{runs:>7,} runs, {arms} arms: {cost}\n")
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
