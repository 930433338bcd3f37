"""Logs of impressions and clicks: splits by time, digest and overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from experiments.parts import tables


@dataclass(frozen=True)
class ClickLog:
    """Impressions in order of time.

    Attributes:
        name: what a person would call it.
        fields: static features, (rows, F) int32; column f holds ids in 0..cardinalities[f]-1.
        item: the item shown, (rows,) int32 in 1..items-1.
        history: items clicked before, earliest first, (rows, L) int32; 0 is padding, at the end.
        category: category of each item id, (items,) int64; 0 for the padding.
        y: 1 where the impression was clicked, (rows,) float32.
        true_logit: (rows,) float64, for a log that was generated.
        files: the user's files behind it.
    """

    name: str
    fields: torch.Tensor
    item: torch.Tensor
    history: torch.Tensor
    category: torch.Tensor
    y: torch.Tensor
    true_logit: torch.Tensor | None = None
    files: tuple[str, ...] = ()

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of ids of each static feature, over all rows."""
        return tuple((self.fields.amax(0) + 1).tolist())

    @property
    def x(self) -> torch.Tensor:
        """Fields, item and history side by side, (rows, F + 1 + L) int32."""
        return torch.cat([self.fields, self.item[:, None], self.history], 1)


def split(log: ClickLog, train: int, validation: int, test: int) -> dict[str, slice]:
    """Rows by time: the last ``test`` rows, ``validation`` rows before them, ``train`` rows before those.

    Raises:
        ValueError: there are fewer rows, or a part has no click or nothing but clicks.
    """
    rows = len(log.y)
    if train + validation + test > rows:
        raise ValueError(f"{log.name}: {rows} rows are too few for {train} + {validation} + {test}")
    ends = {"test": rows, "validation": rows - test, "train": rows - test - validation}
    sizes = {"train": train, "validation": validation, "test": test}
    parts = {name: slice(ends[name] - size, ends[name]) for name, size in sizes.items()}
    for name, part in parts.items():
        if not 0 < log.y[part].mean() < 1:
            raise ValueError(f"{log.name}: the {name} rows need both clicks and others")
    return parts


def digest(log: ClickLog, parts: Mapping[str, slice]) -> str:
    """SHA-256 over everything that training and evaluation see."""
    seen = {name: (log.x[part], log.y[part]) for name, part in parts.items()}
    # Rows outside the parts count too: the sizes of the embedding tables follow from the ids of all rows.
    ids = {"cardinalities": (torch.tensor(log.cardinalities),), "category": (log.category,)}
    return tables.digest({**seen, **ids})


def overlap(log: ClickLog, parts: Mapping[str, slice]) -> float:
    """Share of validation and test impressions whose features also occur, byte for byte, in training."""
    evaluation = torch.cat([log.x[parts["validation"]], log.x[parts["test"]]])
    return tables.overlap(log.x[parts["train"]], evaluation)
