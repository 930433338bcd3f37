"""Batches of several seeds side by side, from this process or from loader processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from experiments.parts.seeding import generator


class Batches:
    """The training rows in the order of each seed and epoch; the last batch of an epoch may be smaller.

    The order follows from seed and epoch alone, so a run that resumes, the number of loader processes and
    the seeds beside it change nothing.

    Args:
        x: (rows, columns) int32.
        y: (rows,) float32, 0 or 1.
        seeds: one order each.
        workers: loader processes, kept from epoch to epoch; 0 loads in this process.
    """

    def __init__(
        self, x: torch.Tensor, y: torch.Tensor, batch_size: int, seeds: Sequence[int], workers: int
    ) -> None:
        # One table, so that a batch from a loader process is one tensor in shared memory.
        self._orders = _Orders(len(y), batch_size, seeds)
        self._loader = DataLoader(
            _Table(torch.cat([x, y[:, None].to(x.dtype)], 1)),
            sampler=self._orders,
            batch_size=None,
            num_workers=workers,
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # else the loader draws from the global one
        )

    def __len__(self) -> int:
        return len(self._orders)

    def of_epoch(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """x (K, batch, columns) int32 and y (K, batch) float32 for each batch of an epoch."""
        self._orders.epoch = epoch
        for rows in self._loader:
            yield rows[..., :-1], rows[..., -1].float()


class _Table(Dataset[torch.Tensor]):
    def __init__(self, rows: torch.Tensor) -> None:
        self._rows = rows

    def __getitem__(self, indices: np.ndarray) -> torch.Tensor:
        return self._rows[torch.from_numpy(indices)]

    def __len__(self) -> int:
        return len(self._rows)


class _Orders(Sampler[np.ndarray]):
    """Places of the rows of each batch, (K, batch); arrays, because they are cheap to send to a process."""

    def __init__(self, rows: int, batch_size: int, seeds: Sequence[int]) -> None:
        self._rows, self._batch_size, self._seeds = rows, batch_size, tuple(seeds)
        self.epoch = 1

    def __len__(self) -> int:
        return -(-self._rows // self._batch_size)

    def __iter__(self) -> Iterator[np.ndarray]:
        draws = [generator(seed, "order", self.epoch) for seed in self._seeds]
        orders = np.stack([torch.randperm(self._rows, generator=draw).numpy() for draw in draws])
        for start in range(0, self._rows, self._batch_size):
            yield orders[:, start : start + self._batch_size]
