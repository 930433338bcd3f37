"""Checkpoints of networks that train together: one file per seed, in the form that it has alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]
"""``key``, ``history``, ``pace``, and ``module`` and ``optimizer``, whose tensors have a leading axis."""


def load(file: Path, key: str) -> State | None:
    """A seed's checkpoint; None where there is none of that key, or one that cannot be read."""
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except (
        Exception
    ):  # FileNotFoundError; torch raises UnpicklingError, RuntimeError or EOFError, by kind of damage
        return None
    return held if isinstance(held, dict) and held.get("key") == key else None


def save(file: Path, state: State) -> None:
    """Writes aside and renames: a kill while writing leaves the previous checkpoint whole."""
    aside = file.with_suffix(".partial")
    torch.save(state, aside)
    os.replace(aside, file)


def alone(state: Any, seed: int) -> Any:
    """The part of a state dict that belongs to one place on the leading axis, which it keeps, of length 1."""
    if isinstance(state, torch.Tensor):
        return state[seed : seed + 1].clone() if state.ndim else state
    if isinstance(state, dict):
        return {name: alone(part, seed) for name, part in state.items()}
    return state


def joined(states: Sequence[Any]) -> Any:
    """The state dicts of several seeds as one; what has no leading axis (the step) is equal in all."""
    first = states[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(list(states)) if first.ndim else first
    if isinstance(first, dict):
        return {name: joined([state[name] for state in states]) for name in first}
    return first
