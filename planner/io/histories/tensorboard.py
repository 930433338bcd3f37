"""TensorBoard's event files: each folder that holds some is a run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from planner.history.logged_run import History, LoggedRun
from planner.history.question import HistoryQuestion
from planner.io.histories.database import rank_of
from planner.io.histories.extras import needed

_EVENTS = "events.out.tfevents.*"
_HPARAMS = "_hparams_/session_start_info"
_SETTING = re.compile(r"([A-Za-z_]\w*?)[=_\-]?(-?\d[\w.\-+]*)$")
"""A folder such as ``lr=0.1``, ``seed_3`` or ``seed3``."""
_OF_NO_RUN = frozenset({"version", "run", "events", "logs"})


def read_event_files(folder: Path, question: HistoryQuestion) -> History:
    """The runs below a folder: settings from hparams, from ``hparams.yaml``, and from the names of folders.

    Raises:
        UsageError: the package tensorboard is not installed.
    """
    loader = needed("tensorboard.backend.event_processing.event_accumulator", "TensorBoard's event files")
    folders = sorted({path.parent for path in folder.rglob(_EVENTS)})
    read = {path: _read(loader, path) for path in folders}
    metrics = sorted({tag for values, _ in read.values() for tag in values})
    runs: list[LoggedRun] = []
    for path, (values, hparams) in read.items():
        # ``add_hparams`` of PyTorch writes settings, and the last values, into a folder below the run's.
        if not values or (hparams and path.parent in read and read[path.parent][0]):
            continue
        below = [settings for child, (_, settings) in read.items() if child.parent == path]
        settings = dict(_of_folders(path.relative_to(folder)))
        for more in (_of_lightning(path), *below, hparams):
            settings.update(more)
        runs.append(_run(len(runs), path, folder, values.get(question.metric, []), settings, question))
    return History(str(folder), runs, metrics)


def _read(loader: Any, path: Path) -> tuple[dict[str, list[tuple[float, int, float]]], dict[str, str]]:
    """(metric -> (time, step, value) of each value, settings)."""
    events = loader.EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    values = {
        tag: [(one.wall_time, one.step, float(one.value)) for one in events.Scalars(tag)]
        for tag in tags["scalars"]
    }
    for tag in tags["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            make = needed("tensorboard.util.tensor_util", "TensorBoard's event files").make_ndarray
            values[tag] = [
                (one.wall_time, one.step, float(make(one.tensor_proto))) for one in events.Tensors(tag)
            ]
    return values, dict(_hparams(events))


def _hparams(events: Any) -> Iterator[tuple[str, str]]:
    """What ``add_hparams`` wrote."""
    if _HPARAMS not in events.summary_metadata:
        return
    proto = needed("tensorboard.plugins.hparams.plugin_data_pb2", "TensorBoard's event files")
    content = events.summary_metadata[_HPARAMS].plugin_data.content
    for name, value in proto.HParamsPluginData.FromString(content).session_start_info.hparams.items():
        kind = value.WhichOneof("kind")
        if kind is not None:
            yield str(name), str(getattr(value, kind))


def _of_lightning(path: Path) -> Mapping[str, str]:
    """``hparams.yaml``, which Lightning writes beside the events."""
    import yaml

    try:
        held = yaml.safe_load((path / "hparams.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return {str(name): str(value) for name, value in held.items()} if isinstance(held, dict) else {}


def _of_folders(path: Path) -> Iterator[tuple[str, str]]:
    """Settings in the names of folders; a name that holds none is one itself."""
    for depth, part in enumerate(path.parts, 1):
        match = _SETTING.match(part)
        if match is None:
            yield f"folder{depth}", part
        elif match[1].lower() not in _OF_NO_RUN:
            yield match[1], match[2]


def _run(
    position: int,
    path: Path,
    folder: Path,
    values: list[tuple[float, int, float]],
    settings: Mapping[str, str],
    question: HistoryQuestion,
) -> LoggedRun:
    ranked = [
        (rank, value, step)
        for time, step, value in values
        if (rank := rank_of(value, step, time, question)) is not None and not math.isinf(value)
    ]
    _, value, step = max(ranked, key=lambda one: one[0]) if ranked else (None, None, None)
    times = [time for time, _, _ in values]
    return LoggedRun(
        id=str(path.relative_to(folder)),
        params=settings,
        value=value,
        step=step,
        began=min(times, default=None),
        ended=max(times, default=None),
        name=path.name,
        position=position,
    )
