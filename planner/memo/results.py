"""The tables of results in a memo, with digits enough to work the criteria out again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from planner.language.criterion import Level, Measured
from planner.language.program import Program
from planner.language.readings import Column, columns_read
from planner.records.verdict import CriterionResult, TableRow, Verdict
from planner.text.markdown import escape
from planner.text.numbers import around, number

DIGITS = 4
"""Of a printed number, as in the criteria's reasons."""
_MOST_DIGITS = 8
_WIDE = 6
"""Columns of a table that still fit a page."""


def result_tables(
    program: Program, verdict: Verdict, deciding: Iterable[CriterionResult]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(tables of what the deciding criteria read, tables of everything else that was measured)."""
    rules = program.phases[verdict.phase].criteria
    names = [result.id for result in deciding if result.id in rules]
    wanted = {column for name in names for column in columns_read(program, rules[name])}
    held = _in_order(program, {(row.metric, row.reads) for row in _rows(verdict)})
    key = [column for column in held if column in wanted]
    rest = [column for column in held if column not in wanted]
    return _tables(program, verdict, key), _tables(program, verdict, rest)


def seeds_of_arms(verdict: Verdict) -> dict[str, int]:
    """Arm -> its number of seeds, of those that have any."""
    counts: dict[str, int] = {}
    for row in _rows(verdict):
        counts[row.arm] = max(row.estimate.n, counts.get(row.arm, 0))
    return counts


def digits_for(value: float, finest: float | None) -> int:
    """Significant digits with which a value must be printed so that a difference shows ``DIGITS`` of its own.

    Args:
        finest: the smallest difference that is worked out from it; None where there is none.
    """
    if not value or not finest:
        return DIGITS
    more = math.floor(math.log10(abs(value))) - math.floor(math.log10(abs(finest)))
    return max(DIGITS, min(_MOST_DIGITS, DIGITS + more))


def _rows(verdict: Verdict) -> tuple[TableRow, ...]:
    return (*verdict.table, *verdict.readings)


def _in_order(program: Program, columns: Iterable[Column]) -> list[Column]:
    """Columns in the program's order of metrics, the final value of each first."""
    rank = {name: i for i, name in enumerate(program.metrics)}
    of_program = [column for column in columns if column[0] in rank]
    return sorted(of_program, key=lambda column: (rank[column[0]], column[1]))


def _tables(program: Program, verdict: Verdict, columns: Sequence[Column]) -> list[dict[str, Any]]:
    finest, ratios = _differences(program, verdict), _ratios(program, verdict)
    seeds = seeds_of_arms(verdict)
    least = {column: DIGITS + (column in ratios) for column in columns}
    cells = {(row.arm, (row.metric, row.reads)): row for row in _rows(verdict)}
    units = {column: row.unit for (_, column), row in cells.items()}
    tables = []
    for some in _pages(columns):
        arms = [a for a in program.phases[verdict.phase].arms if any((a, c) in cells for c in some)]
        heads = [_head(column, units[column]) for column in some]
        rows = [
            [arm, *(_cell(cells.get((arm, c)), finest.get(c), least[c], seeds[arm]) for c in some)]
            for arm in arms
        ]
        tables.append({"heads": heads, "rows": rows})
    return tables


def _pages(columns: Sequence[Column]) -> Iterator[Sequence[Column]]:
    """The columns in as few tables as fit a page, of about the same width."""
    tables = math.ceil(len(columns) / _WIDE)
    width = math.ceil(len(columns) / tables) if tables else 1
    for start in range(0, len(columns), width):
        yield columns[start : start + width]


def _head(column: Column, unit: str) -> str:
    metric, reads = column
    plain = reads.replace("(", "").replace(")", "")
    joint = "" if not reads or reads.startswith(",") else ", " if reads.startswith("(") else " "
    return f"{metric}{joint}{plain} ({escape(unit)})"


def _differences(program: Program, verdict: Verdict) -> Mapping[Column, float]:
    """The smallest difference that a criterion works out from each column."""
    smallest: dict[Column, float] = {}
    for rule, result in _worked_out(program, verdict):
        sizes = [abs(part.observed) for part in result.parts or (result,) if part.observed]
        for column in columns_read(program, rule) if sizes and rule.as_ == "difference" else ():
            smallest[column] = min(*sizes, smallest.get(column, math.inf))
    return smallest


def _ratios(program: Program, verdict: Verdict) -> set[Column]:
    """The columns of which a criterion takes ratios."""
    rules = [rule for rule, _ in _worked_out(program, verdict) if rule.as_ == "ratio"]
    return {column for rule in rules for column in columns_read(program, rule)}


def _worked_out(program: Program, verdict: Verdict) -> Iterator[tuple[Measured, CriterionResult]]:
    """The criteria whose observed value is worked out from two cells."""
    rules = program.phases[verdict.phase].criteria
    for result in verdict.criteria:
        rule = rules.get(result.id)
        if isinstance(rule, Measured) and (not isinstance(rule, Level) or rule.against_floor):
            yield rule, result


def _cell(row: TableRow | None, finest: float | None, least: int, seeds: int) -> str:
    """A mean with its interval, and its number of seeds where the arm has more."""
    if row is None:
        return "-"
    estimate = row.estimate
    mean = number(estimate.value, digits=max(least, digits_for(estimate.value, finest)))
    fewer = f", n {estimate.n}" if estimate.n < seeds else ""
    return f"{mean}{around(estimate.interval)}{fewer}"
