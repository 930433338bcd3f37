"""What a run in MLflow says, whoever logged it: tags are read with tolerance."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, get_args

from planner.evidence.digests import stepped_metrics
from planner.io.mlflow import tags
from planner.language.program import Program
from planner.records.runs import Run, RunOutcome, Series, UnfinishedRun

_OUTCOME_OF_STATUS = {"FINISHED": "ok", "FAILED": "code_error", "KILLED": "killed"}
_OUTCOMES = frozenset(get_args(RunOutcome))


def read_run(
    raw: Any, phase: str, arm: str, seed: int, wanted: frozenset[str], series_of: Callable[[str], Series]
) -> Run | UnfinishedRun:
    """One MLflow run as a run of that arm and seed.

    Args:
        wanted: the metrics of which more than the final value is needed; of a run with a value that is no
            number, all are.
        series_of: metric -> its values by step; asked only for those that the run has.
    """
    run_tags = raw.data.tags
    outcome = run_tags.get(tags.OUTCOME)
    own = tags.FINGERPRINT in run_tags
    if outcome is None and (own or raw.info.status not in _OUTCOME_OF_STATUS):
        return _unfinished(raw, phase, arm, seed)
    metrics = {name: float(value) for name, value in raw.data.metrics.items()}
    return Run.model_validate(
        {
            "id": raw.info.run_id,
            "phase": phase,
            "arm": arm,
            "seed": seed,
            "outcome": outcome if outcome in _OUTCOMES else _OUTCOME_OF_STATUS.get(raw.info.status, "lost"),
            "params": {k: v for k, v in raw.data.params.items() if k != "seed"},
            "metrics": metrics,
            "series": {m: series_of(m) for m in sorted(metrics) if outcome == "bad_metric" or m in wanted},
            "data_digest": run_tags.get(tags.DATA) or _first_dataset(raw),
            "device": device_of(run_tags.get(tags.DEVICE), raw.data.params),
            "overlap": _overlap(raw),
            "seconds": _seconds(raw),
            "attempt": attempt_of(run_tags),
            "artifacts": _artifacts(run_tags),
            **({} if own else _when(raw)),
            **_from_tags(run_tags),
        }
    )


def _when(raw: Any) -> dict[str, Any]:
    """When a run of others ended, and at which step it logged each metric last."""
    return {"ended": raw.info.end_time / 1000 if raw.info.end_time else None, "last_steps": last_steps(raw)}


def last_steps(raw: Any) -> dict[str, int]:
    """Metric -> the step at which a run of MLflow's logged it last."""
    return {one.key: int(one.step or 0) for one in getattr(raw.data, "_metric_objs", [])}


def _from_tags(run_tags: Mapping[str, str]) -> dict[str, Any]:
    """What tags of ours say as it is kept; none where others made the run."""
    return {
        "fidelity": run_tags.get(tags.FIDELITY),
        "fingerprint": run_tags.get(tags.FINGERPRINT),
        "code_digest": run_tags.get(tags.CODE),
        "reason": run_tags.get(tags.REASON, ""),
        "raised_at": run_tags.get(tags.RAISED_AT, ""),
        "versions": _versions(run_tags),
        "checked": run_tags.get(tags.IDENTITY) == tags.CHECKED,
        "probed": run_tags.get(tags.PROBE) == "on",
    }


def _unfinished(raw: Any, phase: str, arm: str, seed: int) -> UnfinishedRun:
    run_tags = raw.data.tags
    return UnfinishedRun(
        id=raw.info.run_id,
        phase=phase,
        arm=arm,
        seed=seed,
        fingerprint=run_tags.get(tags.FINGERPRINT),
        attempt=attempt_of(run_tags),
        began=(raw.info.start_time or 0) / 1000,
        checked=run_tags.get(tags.IDENTITY) == tags.CHECKED,
    )


def series_metrics(program: Program) -> frozenset[str]:
    """The metrics of which more than the final value is needed."""
    names = {name for phase in program.phases for name in stepped_metrics(program, phase)}
    for figure in program.figures.values():
        if figure.against is not None:
            names |= {*figure.shows, figure.against}
    return frozenset(program.with_parts(names))


def param_text(value: Any) -> str:
    """A parameter as MLflow shows it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def device_of(tag: str | None, params: Mapping[str, str]) -> str | None:
    """What a run ran on: as it says, or as it was asked to; what ``auto`` became nobody knows."""
    device = tag or params.get("device")
    return None if device == "auto" else device


def _artifacts(run_tags: Mapping[str, str]) -> list[str] | None:
    with suppress(ValueError, KeyError, RecursionError):
        names = json.loads(run_tags[tags.ARTIFACTS])
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
    return None


def _versions(run_tags: Mapping[str, str]) -> dict[str, str]:
    of_packages = sorted(tag for tag in run_tags if tag.startswith(tags.VERSION))
    return {tag.removeprefix(tags.VERSION): run_tags[tag] for tag in of_packages}


def _first_dataset(raw: Any) -> str | None:
    datasets = _datasets(raw)
    return str(datasets[0].digest) if datasets else None


def _datasets(raw: Any) -> list[Any]:
    inputs = getattr(getattr(raw, "inputs", None), "dataset_inputs", None) or []
    return [one.dataset for one in inputs]


def _overlap(raw: Any) -> float | None:
    """The share of evaluation units that training also saw: as a tag says, or the profile of a dataset."""
    tag = raw.data.tags.get(tags.OVERLAP)
    texts = [json.dumps({"overlap": tag})] if tag else [one.profile or "" for one in _datasets(raw)]
    shares = [share for text in texts if (share := _share(text)) is not None]
    return max(shares, default=None)


def _share(profile: str) -> float | None:
    """What a profile says under ``overlap``, where that is a share at all."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        share = json.loads(profile)["overlap"]
        share = math.nan if isinstance(share, bool) else float(share)
        return share if 0.0 <= share <= 1.0 else None
    return None


def _seconds(raw: Any) -> float:
    """How long a run took: as it says, or from its start to its end."""
    with suppress(ValueError, KeyError):
        seconds = float(raw.data.tags[tags.SECONDS])
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    start, end = raw.info.start_time, raw.info.end_time
    return max(end - start, 0) / 1000 if start and end else 0.0


def attempt_of(run_tags: Mapping[str, str]) -> int:
    """Which attempt a run says it is; the first where it says nothing sensible."""
    attempt = whole_number(run_tags.get(tags.ATTEMPT, ""))
    return 1 if attempt is None else attempt


def whole_number(text: str) -> int | None:
    """A whole number of at most 11 digits, or None: tags are written by anybody."""
    return int(text) if re.fullmatch(r"\s*-?[0-9]{1,11}\s*", text) else None
