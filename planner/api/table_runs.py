"""From the rows of a table to runs, as if somebody else had logged them."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

import pydantic

from planner.api.tables import Columns, read_columns, rows_of
from planner.errors import UsageError
from planner.language.program import Program
from planner.language.suggestions import instead
from planner.language.types import Fidelity
from planner.records.runs import Run

_COMPLETE = ("ok", "bad_metric")
"""Outcomes after which a value that is NaN was measured so; after the others nothing was measured."""


class RunKey(NamedTuple):
    """What tells the runs of a table apart; a phase or fidelity that it does not name is None."""

    phase: str | None
    fidelity: str | None
    arm: str
    seed: int

    def __str__(self) -> str:
        named = [f"phase '{self.phase}'"] if self.phase else []
        return ", ".join([*named, f"arm '{self.arm}'", f"seed {self.seed}"])


@dataclass
class _RunRows:
    """The rows of one run.

    Attributes:
        first: the number of its first row.
        values: (metric, step) -> its value and the number of the row that holds it.
        fields: of the run, besides its key and what it measured.
    """

    first: int
    values: dict[tuple[str, int | None], tuple[float, int]] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)


def runs_of_table(program: Program, table: object) -> list[Run]:
    """The runs of a table; one whose phase is not named stands for every phase that has its arm.

    Raises:
        UsageError: a column, arm, phase, seed or value is not what it should be, or a run is there twice.
    """
    rows = rows_of(table)
    columns = read_columns(program, rows)
    gathered: dict[RunKey, _RunRows] = {}
    for number, row in enumerate(rows):
        key = _key(program, row, number)
        _gather(gathered.setdefault(key, _RunRows(number)), columns, key, row, number)
    return [run for key, parts in gathered.items() for run in _runs(program, key, parts)]


def _key(program: Program, row: Mapping[str, Any], number: int) -> RunKey:
    return RunKey(
        phase=_name(row, "phase", number, program.phases, program),
        fidelity=_name(row, "fidelity", number, dict.fromkeys(get_args(Fidelity)), program),
        arm=_name(row, "arm", number, program.arms, program) or _nothing("arm", number),
        seed=_whole(row.get("seed"), "seed", number),
    )


def _name(
    row: Mapping[str, Any], column: str, number: int, names: Mapping[str, Any], program: Program
) -> str | None:
    """The name in a column; None where the cell is empty."""
    value = row.get(column)
    if is_blank(value):
        return None
    if not isinstance(value, str):
        raise UsageError(f"row {number}: {column} is {value!r}, and should be a text")
    if value not in names:
        raise UsageError(f"row {number}: {program.program} has no {column} '{value}'{instead(value, names)}")
    return value


def _nothing(column: str, number: int) -> str:
    raise UsageError(f"row {number}: {column} is empty; fill it in, or drop the row")


def _whole(value: Any, column: str, number: int) -> int:
    if is_blank(value):
        _nothing(column, number)
    if isinstance(value, float) and value.is_integer():  # pandas makes floats of a column with a gap
        return int(value)
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise UsageError(f"row {number}: {column} is {value!r}, and should be a whole number")


def is_blank(value: Any) -> bool:
    """Whether a cell is empty: None, pandas' ``NA`` and ``NaT``, NaN, or a text without letters."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, float) and value != value


# --- what a run holds --------------------------------------------------------------------------------


def _gather(run: _RunRows, columns: Columns, key: RunKey, row: Mapping[str, Any], number: int) -> None:
    """Adds what a row holds to its run."""
    step = None if is_blank(row.get("step")) else _whole(row["step"], "step", number)
    for name, metric, cell in _cells(columns, row):
        if cell is None or type(cell).__name__ == "NAType":
            continue
        _, other = run.values.setdefault((metric, step), (_number(cell, name, number), number))
        if other != number:
            where = "" if step is None else f" at step {step}"
            raise UsageError(f"rows {other} and {number} are both {key}{where}: keep one of them")
    for column, name in columns.params.items():
        _keep(run.params, name, row.get(column), key)
    for name, value in (row.get("params") or {}).items() if not is_blank(row.get("params")) else ():
        _keep(run.params, str(name), value, key)
    for column, name in columns.fields.items():
        _keep(run.fields, name, row.get(column), key)


def _cells(columns: Columns, row: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(name in the table, metric, value) of each metric in a row."""
    if columns.is_long:
        name = str(row.get("metric"))
        if name in columns.metrics:
            yield name, columns.metrics[name], row.get("value")
        return
    for name, metric in columns.metrics.items():
        yield name, metric, row.get(name)


def _number(value: Any, column: str, number: int) -> float:
    """A value as a float: NaN and infinities are kept, and the rules refuse them."""
    try:
        if not isinstance(value, str | bytes):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise UsageError(f"row {number}: {column} is {value!r}, and should be a number; convert the column")


def _keep(values: dict[str, Any], name: str, value: Any, key: RunKey) -> None:
    """Notes what a row says of its run; every row of the run has to say the same."""
    if is_blank(value):
        return
    if values.setdefault(name, value) != value:
        raise UsageError(f"the rows of {key} disagree in {name}: {values[name]!r} and {value!r}")


def _runs(program: Program, key: RunKey, parts: _RunRows) -> Iterator[Run]:
    """The run of a key in each phase for which it stands."""
    fields = {
        "id": f"{key.seed}-{key.arm}",
        **key._asdict(),
        **_measured(parts),
        "params": {name: str(value) for name, value in parts.params.items()},
        **parts.fields,
    }
    phases = [name for name, phase in program.phases.items() if key.arm in phase.arms]
    for phase in [key.phase] if key.phase else phases:
        yield _run({**fields, "phase": phase}, parts.first)


def _measured(parts: _RunRows) -> dict[str, Any]:
    """Final values and series: the value at the highest step is the final one."""
    complete = parts.fields.get("outcome", "ok") in _COMPLETE
    metrics: dict[str, float] = {}
    series: dict[str, list[tuple[int, float]]] = {}
    for (metric, step), (value, _) in sorted(parts.values.items(), key=lambda cell: cell[0][1] or 0):
        if not complete and value != value:
            continue
        metrics[metric] = value
        if step is not None:
            series.setdefault(metric, []).append((step, value))
    return {"metrics": metrics, "series": series}


def _run(fields: Mapping[str, Any], number: int) -> Run:
    try:
        return Run.model_validate(fields)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"row {number}: {where}: {first['msg']} (got {first['input']!r})") from None
