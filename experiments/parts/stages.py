"""Training in stages: a run that is interrupted between two of them resumes with the same numbers."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

History = list[dict[str, float]]  # what each stage measured


def train_in_stages(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    stage: Callable[[int], dict[str, float]],
    stages: int,
    file: Path,
    key: str,
    on_stage: Callable[[int, dict[str, float]], None],
) -> History:
    """Runs the stages that ``file`` does not hold yet, and saves after each.

    A stage draws its random numbers from generators derived from the seed and its own index, so
    module, optimizer and the number of stages done are the whole state.

    Args:
        module: what is trained, in place; buffers and targets inside it are saved with it.
        optimizer: over the module's parameters.
        stage: trains stage i (from 0) and returns what it measured.
        stages: how many there are.
        file: the checkpoint; one with another ``key`` is left aside and replaced.
        key: what the training depends on.
        on_stage: called with (i, measured) for every stage, also for those taken from the checkpoint.

    Returns:
        what each stage measured.
    """
    history = _load(module, optimizer, file, key)
    for done, measured in enumerate(history):
        on_stage(done, measured)
    for index in range(len(history), stages):
        history.append(stage(index))
        on_stage(index, history[-1])
        _save(file, key, module, optimizer, history)
    return history


def _load(module: nn.Module, optimizer: torch.optim.Optimizer, file: Path, key: str) -> History:
    held = _read(file)
    if held is None or held.get("key") != key:
        return []
    module.load_state_dict(held["module"])
    optimizer.load_state_dict(held["optimizer"])
    return list(held["history"])


def _read(file: Path) -> dict[str, Any] | None:
    """What a checkpoint holds; None where there is none, or one that a power cut left torn."""
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except Exception:  # not there, or damaged: torch raises UnpicklingError, RuntimeError or EOFError
        return None
    return held if isinstance(held, dict) else None


def _save(
    file: Path, key: str, module: nn.Module, optimizer: torch.optim.Optimizer, history: History
) -> None:
    held = {"module": module.state_dict(), "optimizer": optimizer.state_dict()}
    # Written aside and renamed: a kill while writing leaves the previous checkpoint whole.
    aside = file.with_suffix(".partial")
    torch.save({"key": key, "history": history, **held}, aside)
    os.replace(aside, file)


class Recent:
    """The most recently trained modules, by key; callers never change what they get.

    A worker serves the arms of one seed one after another, and they share the network that they start
    from. Keys name everything that the training depends on, so a hit changes no number.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: OrderedDict[str, tuple[nn.Module, History]] = OrderedDict()

    def get(
        self,
        key: str,
        train: Callable[[], tuple[nn.Module, History]],
        on_stage: Callable[[int, dict[str, float]], None],
    ) -> Any:
        """The module for ``key``: trained if it is not held; if it is, its stages are told again.

        Args:
            key: everything that the training depends on.
            train: trains a new module, and calls ``on_stage`` as it goes.
            on_stage: called with (i, measured) for each stage.
        """
        if key in self._held:
            self._held.move_to_end(key)
            for index, measured in enumerate(self._held[key][1]):
                on_stage(index, measured)
        else:
            self._held[key] = train()
            while len(self._held) > self._size:
                self._held.popitem(last=False)
        return self._held[key][0]
