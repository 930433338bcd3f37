"""Options that contradict each other, as ``docs/cli.md`` lists them."""

from __future__ import annotations

from collections.abc import Mapping

from planner.errors import UsageError


def refuse_together(some: Mapping[str, object], others: Mapping[str, object], why: str) -> None:
    """Refuses any of some options beside any of others; each is given with its value.

    Raises:
        UsageError: two are given that contradict each other.
    """
    for first in filter(lambda name: _is_given(some[name]), some):
        for second in filter(lambda name: _is_given(others[name]), others):
            raise UsageError(f"{first} and {second} contradict each other: {why}", "leave one of them out")


def refuse_two_of(options: Mapping[str, object], why: str) -> None:
    """Refuses more than one of these options.

    Raises:
        UsageError: two are given.
    """
    names = list(options)
    for i, name in enumerate(names):
        refuse_together({name: options[name]}, {other: options[other] for other in names[i + 1 :]}, why)


def _is_given(value: object) -> bool:
    """An option that was left out is None, False or an empty list."""
    return value is not None and value is not False and value != []
