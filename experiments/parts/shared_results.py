"""What several runs would compute alike: computed by the first that needs it, read by the others.

Each run has a process of its own, so nothing can be kept in memory from one to the next. The planner names a
folder that lasts as long as one ``advance``, while the code stays as it is. Keys name everything else that a
result depends on, so that taking it from there changes no number.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch

FOLDER = "PHASEGATE_SHARED"
"""The environment variable that names the folder; without it every run computes everything itself."""


def take(file: Path, key: str) -> None:
    """Copies a result of that key to ``file``, unless that is there or nobody has computed it.

    Side effects: writes ``file``, whole or not at all.
    """
    shared = _shared(key)
    if shared is not None and shared.is_file() and not file.exists():
        _copy(shared, file)


def offer(file: Path, key: str) -> None:
    """Lets other runs take a file that is a result of that key.

    Side effects: writes the shared folder.
    """
    shared = _shared(key)
    if shared is not None and not shared.exists():
        _copy(file, shared)


def once(key: str, compute: Callable[[], Mapping[str, torch.Tensor]]) -> Mapping[str, torch.Tensor]:
    """Tensors by name: those that another run computed under that key, or else what ``compute`` gives."""
    shared = _shared(key)
    if shared is None:
        return compute()
    with suppress(Exception):  # not there, or damaged: torch raises what it likes
        held: dict[str, torch.Tensor] = torch.load(shared, weights_only=True)
        return held
    computed = compute()
    aside = _aside(shared)
    with suppress(OSError, RuntimeError):  # a full disk costs the other runs some time
        shared.parent.mkdir(parents=True, exist_ok=True)
        torch.save(dict(computed), aside)
        os.replace(aside, shared)
    return computed


def _shared(key: str) -> Path | None:
    folder = os.environ.get(FOLDER)
    return Path(folder) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.pt" if folder else None


def _copy(source: Path, target: Path) -> None:
    aside = _aside(target)
    with suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, aside)
        os.replace(aside, target)


def _aside(path: Path) -> Path:
    return path.with_suffix(f".{os.getpid()}")
