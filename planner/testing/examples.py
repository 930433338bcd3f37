"""A small program and a table of runs for it, for examples and first steps."""

from __future__ import annotations

from typing import Any

from planner.language.program import Program, build


def example_program() -> Program:
    """A program of one phase: is dropout better by two points of validation accuracy?

    Example:
        >>> from planner.testing import example_program
        >>> list(example_program().arms)
        ['plain', 'dropout']
    """
    better = {"metric": "val_accuracy", "arm": "dropout", "versus": "plain", "better_by": 0.02}
    first_look = {
        "question": "Is validation accuracy with dropout better by two points?",
        "arms": ["plain", "dropout"],
        "factor": "dropout",
        "criteria": {"two_points_better": better},
        "gate": ["two_points_better"],
    }
    return build(
        {
            "program": "dropout",
            "question": "Does dropout help?",
            "experiment": "dropout",
            "metrics": {"val_accuracy": {"unit": "fraction", "better": "higher"}},
            "arms": {"plain": {"dropout": 0.0}, "dropout": {"dropout": 0.3}},
            "phases": {"first_look": first_look},
        }
    )


def example_table() -> list[dict[str, Any]]:
    """Three seeds of both arms of :func:`example_program`; dropout is better by five points.

    Example:
        >>> from planner.testing import example_table
        >>> example_table()[0]
        {'arm': 'plain', 'seed': 0, 'val_accuracy': 0.9}
    """
    values = {"plain": (0.9, 0.91, 0.905), "dropout": (0.95, 0.961, 0.954)}
    return [
        {"arm": arm, "seed": seed, "val_accuracy": value}
        for arm, accuracies in values.items()
        for seed, value in enumerate(accuracies)
    ]
