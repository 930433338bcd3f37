"""What several runs would compute alike: computed by the first that needs it, read by the others.

Each run has a process of its own, so nothing can be kept in memory from one to the next. The planner names a
folder that lasts as long as one ``advance``, while the code stays as it is. Keys name everything else that a
result depends on, so that taking it from there changes no number.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

FOLDER = "PHASEGATE_SHARED"
"""The environment variable that names the folder; without it every run computes everything itself."""


@contextmanager
def shared(file: Path, key: str) -> Iterator[None]:
    """Lends a training the checkpoint that another run of that key left, and lends its own to others.

    Args:
        file: the checkpoint; what is trained within this block goes on from it and leaves it complete.
        key: everything that the training depends on.

    Side effects: writes ``file``, if it is not there, and the shared folder.
    """
    lent = _shared(key)
    if lent is not None and lent.is_file() and not file.exists():
        _copy(lent, file)
    yield
    if lent is not None and file.is_file() and not lent.exists():
        _copy(file, lent)


def once(key: str, compute: Callable[[], Mapping[str, torch.Tensor]]) -> Mapping[str, torch.Tensor]:
    """Tensors by name: those that another run computed under that key, or else what ``compute`` gives."""
    lent = _shared(key)
    if lent is None:
        return compute()
    with suppress(Exception):  # not there, or damaged: torch raises what it likes
        held: dict[str, torch.Tensor] = torch.load(lent, weights_only=True)
        return held
    computed = compute()
    aside = _aside(lent)
    with suppress(OSError, RuntimeError):  # a full disk costs the other runs some time
        lent.parent.mkdir(parents=True, exist_ok=True)
        torch.save(dict(computed), aside)
        os.replace(aside, lent)
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
