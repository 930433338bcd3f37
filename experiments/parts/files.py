"""Arrays by name from a user's own file. Nothing in a file is executed: pickled objects are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

Arrays = Mapping[str, Any]
"""Name -> array or tensor."""


def read_arrays(path: str, save: str, from_frame: Callable[[Path, Any], Arrays]) -> Arrays:
    """What an NPZ, torch (``.pt``, ``.pth``) or Parquet file holds.

    Args:
        save: what a torch file should hold, for the message: ``{'x': ..., 'y': ...}``.
        from_frame: makes arrays of a Parquet file's data frame; also given the file, for its messages.

    Raises:
        ValueError: the file cannot be read; the message says what to change in it.
    """
    file = Path(path)
    if file.suffix == ".npz":
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    if file.suffix in (".pt", ".pth"):
        return _read_torch(file, save)
    if file.suffix == ".parquet":
        return from_frame(file, _read_parquet(file))
    raise ValueError(f"{path}: unknown kind of file; use one of .npz, .parquet, .pt, .pth")


def _read_torch(file: Path, save: str) -> Arrays:
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises UnpicklingError, RuntimeError or EOFError, by kind of damage
        raise ValueError(f"{file}: not a plain torch file of tensors; save {save}") from error
    if not isinstance(held, dict):
        raise ValueError(f"{file}: holds a {type(held).__name__}, not a dict of tensors; save {save}")
    return held


def _read_parquet(file: Path) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ValueError(f"{file}: reading Parquet needs pandas and pyarrow, or use .npz") from error
    return pandas.read_parquet(file)
