"""What a run leaves, checked before it is believed: by the log that it is given, and again when it is read.

This is the planner's side of the contract. It is apart from ``experiments.contract``, which every experiment
imports and whose code is therefore part of every run's identity: a check that is added here makes no
finished run stale.
"""

from __future__ import annotations

import json
import math
import operator
import posixpath
import re
from pathlib import Path
from typing import Any

from experiments.contract import MetricLog

_METRIC = re.compile(r"[\w./: \-]{1,250}")
_MOST_STEP = 2**63 - 1


class CheckedLog(MetricLog):
    """The log that a run is given: it refuses what no store could keep, and what lies outside its folder."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Records one value; see ``MetricLog``.

        Raises:
            ValueError, TypeError: a name, step or value that no metric can have; the run ends as
                ``code_error``.
        """
        name, step, value = _measured(name, step, value)
        super().metric(name, value, step)

    def artifact(self, name: str) -> Path:
        """The path at which to write an artifact of that name.

        Raises:
            ValueError: it would lie outside the run's own folder.
        """
        artifacts = self.folder / "artifacts"
        path = artifacts / name
        if path == artifacts or not path.resolve().is_relative_to(artifacts.resolve()):
            raise ValueError(f"the artifact {name!r} would lie outside the run's folder")
        return super().artifact(name)


def _measured(name: Any, step: Any, value: Any) -> tuple[str, int | None, float]:
    """A measurement as the record keeps it: names and steps that MLflow takes, the value as a float."""
    if not isinstance(name, str) or not _METRIC.fullmatch(name) or not _is_tidy(name):
        raise ValueError(
            f"{str(name)[:80]!r} is no name of a metric: letters, digits, '_', '-', '.', ' ', '/', ':'"
        )
    if step is not None:
        step = operator.index(step)
        if not -_MOST_STEP <= step <= _MOST_STEP:
            raise ValueError(f"the step of {name} is a number of more than 64 bits")
    try:
        return name, step, float(value)
    except OverflowError:
        return name, step, math.inf


def _is_tidy(name: str) -> bool:
    """Whether the parts of a name between slashes are names: it becomes a path in some stores."""
    return posixpath.normpath(name) == name and not name.startswith(("/", "..")) and name != "."


def read_metrics(folder: Path) -> list[tuple[str, int | None, float]]:
    """What a run recorded, in order; what is no measurement is dropped, as a line torn by a kill."""
    path = folder / "metrics.jsonl"
    if not path.is_file():
        return []
    measurements: list[tuple[str, int | None, float]] = []
    for line in path.read_bytes().split(b"\n"):
        try:
            name, step, value = json.loads(line)
            measurements.append(_measured(name, step, value))
        except (ValueError, TypeError, RecursionError):
            continue
    return measurements


def tidy_artifacts(folder: Path) -> None:
    """Takes out of a run's artifacts what no store can keep: pipes, and links that lead out of them.

    Side effects: removes these, and writes '_' for what is not printable in names.
    """
    artifacts = folder / "artifacts"
    for path in sorted(artifacts.rglob("*"), reverse=True):  # what is in a folder before the folder
        if path.is_symlink() and not _leads_inside(path, artifacts) or not (path.is_file() or path.is_dir()):
            path.unlink()
        elif not path.name.isprintable():
            path.rename(path.with_name("".join(c if c.isprintable() else "_" for c in path.name)))


def _leads_inside(link: Path, folder: Path) -> bool:
    try:
        return link.resolve(strict=True).is_relative_to(folder.resolve()) and link.is_file()
    except (OSError, RuntimeError):  # it leads nowhere, or round in a circle
        return False
