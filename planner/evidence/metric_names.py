"""Metrics under a program's names, where runs log them under others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from planner.language.program import Program
from planner.records.runs import Run

Value = TypeVar("Value")


def under_own_names(program: Program, run: Run) -> Run:
    """A run with its metrics under the program's names."""
    own = own_names(program)
    if not own:
        return run
    renamed = {
        "metrics": _renamed(run.metrics, own),
        "series": _renamed(run.series, own),
        "last_steps": _renamed(run.last_steps, own),
    }
    return run.model_copy(update=renamed)


def own_names(program: Program) -> dict[str, str]:
    """The name under which runs log a metric -> the program's, where these differ."""
    return {logged: name for name, logged in program.logged_names.items() if logged != name}


def logged_names(program: Program, metrics: Collection[str]) -> frozenset[str]:
    """The names under which runs log these metrics of the program."""
    return frozenset(program.logged_names.get(name, name) for name in metrics)


def _renamed(by_name: Mapping[str, Value], own: Mapping[str, str]) -> dict[str, Value]:
    """What was logged; where both names were, that which the program states counts."""
    kept = {name: value for name, value in by_name.items() if name not in own.values()}
    kept |= {name: by_name[name] for logged, name in own.items() if logged not in by_name and name in by_name}
    return {own.get(name, name): value for name, value in kept.items()}
