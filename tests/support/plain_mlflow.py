"""A script that knows MLflow and the four tags, and nothing else of this project.

``python plain_mlflow.py FIGURES PHASE ...`` logs the runs of a reference file to ``MLFLOW_TRACKING_URI``.
"""

import json
import sys
from pathlib import Path

import mlflow


def main() -> None:
    figures = json.loads(Path(sys.argv[1]).read_text())
    mlflow.set_experiment("figures of the document")
    for phase in sys.argv[2:]:
        for run in figures["phases"][phase]["runs"]:
            log(run, program=figures["program"], phase=phase)


def log(run: dict, program: str, phase: str) -> None:
    mlflow.start_run(run_name=run["arm"])
    mlflow.set_tags(
        {
            "planner.program": program,
            "planner.phase": phase,
            "planner.arm": run["arm"],
            "planner.seed": str(run["seed"]),
        }
    )
    mlflow.log_params(run["params"])
    series = run.get("series", {})
    for name, points in series.items():
        for step, value in points:
            mlflow.log_metric(name, value, step=step)
    mlflow.log_metrics({k: v for k, v in run["metrics"].items() if k not in series})
    slow = run.get("status") == "killed_for_slowdown"
    if slow:
        mlflow.set_tag("planner.outcome", "slowdown")
    mlflow.end_run("KILLED" if slow else "FINISHED")


if __name__ == "__main__":
    main()
