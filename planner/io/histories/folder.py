"""MLflow's old folder of files (``mlruns/``), read file by file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from planner.history.logged_run import History, LoggedRun, Status
from planner.history.question import HistoryQuestion
from planner.io.histories.database import STATUS, rank_of, refuse_unknown
from planner.io.mlflow import tags
from planner.io.mlflow.run_reader import whole_number

_STATUS: dict[str, Status] = {"1": "running", "2": "running", "3": "finished", "4": "failed", "5": "killed"}
_META = "meta.yaml"
_UNREADABLE = "unreadable"


def is_file_store(folder: Path) -> bool:
    """Whether a folder is one that MLflow wrote files in."""
    return folder.is_dir() and any(_is_of_mlflow(path) for path in folder.glob(f"*/{_META}"))


def _is_of_mlflow(path: Path) -> bool:
    try:
        return b"lifecycle_stage" in path.read_bytes() or b"artifact_location" in path.read_bytes()
    except OSError:
        return False


def read_folder(folder: Path, question: HistoryQuestion, experiments: Sequence[str]) -> History:
    """The runs in an MLflow folder.

    Raises:
        UsageError: an experiment that is named is not there.
    """
    described = {path.parent: _meta(path) for path in sorted(folder.glob(f"*/{_META}"))}
    active = {
        path: str(meta.get("name", path.name))
        for path, meta in described.items()
        if meta.get("lifecycle_stage", "active") == "active"
    }
    refuse_unknown(list(active.values()), experiments)
    runs: list[LoggedRun] = []
    metrics: set[str] = set()
    unreadable = 0
    for path, name in active.items():
        if not experiments or name in experiments:
            for file in sorted(path.glob(f"*/{_META}")):
                meta = _meta(file)
                unreadable += meta.get("lifecycle_stage") == _UNREADABLE
                run = _run(file.parent, meta, name, question)
                if run is not None:
                    runs.append(run)
                    metrics.update(_names(file.parent / "metrics"))
    unreadable += sum(meta.get("lifecycle_stage") == _UNREADABLE for meta in described.values())
    remarks = (
        [f"{unreadable} of its {_META} files cannot be read: their runs are left out"] if unreadable else []
    )
    return History(str(folder), runs, sorted(metrics), remarks)


def _meta(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        reader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(path.read_text(encoding="utf-8"))
        loaded = reader.get_single_data()
    except (OSError, ValueError, yaml.YAMLError):
        return {"lifecycle_stage": _UNREADABLE}
    return loaded if isinstance(loaded, dict) else {"lifecycle_stage": _UNREADABLE}


def _run(
    folder: Path, meta: Mapping[str, Any], experiment: str, question: HistoryQuestion
) -> LoggedRun | None:
    """One run; None where it was deleted, or is none."""
    run_id = meta.get("run_id") or meta.get("run_uuid")
    if run_id is None or meta.get("lifecycle_stage", "active") != "active":
        return None
    held = dict(_texts(folder / "tags"))
    value, step = _value(folder / "metrics" / question.metric, question)
    status = str(meta.get("status"))
    return LoggedRun(
        id=str(run_id),
        status=_STATUS.get(status) or STATUS.get(status, "running"),
        params=dict(_texts(folder / "params")),
        value=value,
        step=step,
        seed=whole_number(held.get(tags.SEED, "")),
        began=_seconds(meta.get("start_time")),
        ended=_seconds(meta.get("end_time")),
        tags=held,
        name=str(meta.get("run_name") or held.get("mlflow.runName", "")),
        experiment=experiment,
        parent=held.get("mlflow.parentRunId"),
        data=held.get(tags.DATA) or _dataset(folder),
        position=int((_seconds(meta.get("start_time")) or 0) * 1000),
    )


def _seconds(milliseconds: Any) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) and milliseconds else None


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _names(folder: Path) -> Iterator[str]:
    yield from (str(path.relative_to(folder)) for path in _files(folder))


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Name -> text; a name with a slash is a file in a folder."""
    for path in _files(folder):
        yield str(path.relative_to(folder)), path.read_text(encoding="utf-8", errors="replace")


def _value(path: Path, question: HistoryQuestion) -> tuple[float | None, int | None]:
    """(value, step) of a metric where it is asked for; a line is ``time value step``."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    except OSError:  # a name that is no file's
        lines = []
    chosen: tuple[tuple[float, ...], float, int] | None = None
    for line in lines:
        parts = line.split()
        if len(parts) < 2:
            continue
        try:
            timestamp, value, step = float(parts[0]), float(parts[1]), int(parts[2]) if len(parts) > 2 else 0
        except ValueError:
            continue
        rank = rank_of(value, step, timestamp, question)
        if rank is not None and (chosen is None or rank >= chosen[0]):
            chosen = rank, value, step
    return (chosen[1], chosen[2]) if chosen else (None, None)


def _dataset(run: Path) -> str | None:
    """The digest of the first dataset of a run."""
    for meta in sorted((run / "inputs").glob(f"*/{_META}")):
        source = str(_meta(meta).get("source_id", ""))
        digest = _meta(run.parent / "datasets" / source / _META).get("digest")
        if digest:
            return str(digest)
    return None
