"""Windows of bars with one labelled span each: splits, shifted copies, scaling, digest and overlap."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from experiments.parts.seeding import derive

OVERLAP_BARS = 5  # consecutive bars that two windows must share to count as overlapping


@dataclass(frozen=True)
class Windows:
    """Windows of equally many bars, each with one span.

    Attributes:
        x: features, (windows, steps, features) float32.
        start: first bar of each span, (windows,) int64.
        length: bars in each span, (windows,) int64.
        kind: type of each span, (windows,) int64 in 0..types-1.
        prices: open, high, low and close of every bar, (windows, steps, 4) float32; None if unknown.
    """

    x: torch.Tensor
    start: torch.Tensor
    length: torch.Tensor
    kind: torch.Tensor
    prices: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.start)

    @property
    def steps(self) -> int:
        """Bars in a window."""
        return self.x.shape[1]

    @property
    def types(self) -> int:
        """Types of span."""
        return int(self.kind.max()) + 1

    @property
    def mask(self) -> torch.Tensor:
        """1 inside the span and 0 outside, (windows, steps) float32."""
        bar = torch.arange(self.steps, device=self.start.device)
        after = bar >= self.start[:, None]
        return (after & (bar < (self.start + self.length)[:, None])).float()

    def arrays(self) -> dict[str, torch.Tensor]:
        """Every tensor that is there, by name."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in held.items() if array is not None}

    def take(self, rows: torch.Tensor) -> Windows:
        """The windows at these rows."""
        return replace(self, **{name: array[rows] for name, array in self.arrays().items()})

    def to(self, device: str) -> Windows:
        """The same on a device."""
        return replace(self, **{name: array.to(device) for name, array in self.arrays().items()})


def joined(parts: list[Windows]) -> Windows:
    """The windows of every part, in order."""
    arrays = {name: torch.cat([getattr(part, name) for part in parts]) for name in parts[0].arrays()}
    return replace(parts[0], **arrays)


def jittered(windows: Windows, share: float, bars: int, seed: int) -> Windows:
    """Moves the label of each window, with probability ``share``, by up to ``bars`` either way.

    Every split gets it: imprecise labels are a property of the population.
    """
    draws = np.random.default_rng(derive(seed, "label jitter"))
    moved = draws.random(len(windows)) < share
    by = torch.from_numpy(moved * draws.integers(-bars, bars + 1, len(windows)))
    start = (windows.start + by).clamp(min=0)
    return replace(windows, start=torch.minimum(start, windows.steps - windows.length))


def split(windows: Windows, sizes: Mapping[str, int], rest: str, seed: int) -> dict[str, Windows]:
    """Disjoint random splits of the given sizes, and one named ``rest`` with the others (maybe none).

    Raises:
        ValueError: there are too few windows; lower the sizes.
    """
    if sum(sizes.values()) > len(windows):
        raise ValueError(f"{len(windows)} windows are too few for {dict(sizes)}")
    order = torch.from_numpy(np.random.default_rng(derive(seed, "split")).permutation(len(windows)))
    counts = [*sizes.values(), len(windows) - sum(sizes.values())]
    parts = zip((*sizes, rest), order.split(counts), strict=True)
    return {name: windows.take(rows) for name, rows in parts}


def shifted(windows: Windows, stride: int) -> Windows:
    """Every window as seen ``k * stride`` bars earlier or later, k = 0 first, as many as there can be.

    Bars beyond an end are mirrored there. A shift is left out for the windows whose span it would cut
    or mirror, and one of half a window or more altogether.
    """
    reach = (windows.steps - 1) // 2 // stride * stride
    offsets = sorted(range(-reach, reach + 1, stride), key=abs)
    return joined([_shift(windows, offset) for offset in offsets])


def _shift(windows: Windows, offset: int) -> Windows:
    last = windows.steps - 1
    wanted = torch.arange(windows.steps) + offset
    seen = torch.where(wanted < 0, -wanted, wanted)
    seen = torch.where(seen > last, 2 * last - seen, seen)
    start = windows.start - offset
    whole = (start >= 0) & (start + windows.length <= windows.steps)
    mirrored = windows.mask[:, seen[(wanted < 0) | (wanted > last)]].any(1)
    moved = {"x": windows.x[:, seen], "start": start}
    if windows.prices is not None:
        moved["prices"] = windows.prices[:, seen]
    return replace(windows, **moved).take(torch.nonzero(whole & ~mirrored)[:, 0])


def standardised(splits: Mapping[str, Windows], by: str) -> dict[str, Windows]:
    """Features less the mean over all bars of the split ``by``, over its deviation."""
    rows = splits[by].x.flatten(0, 1)
    mean, std = rows.mean(0), rows.std(0, correction=0).clamp(min=1e-6)
    return {name: replace(part, x=(part.x - mean) / std) for name, part in splits.items()}


def digest(splits: Mapping[str, Windows]) -> str:
    """SHA-256 over the name, shape, dtype and bytes of every array, in order."""
    sums = hashlib.sha256()
    for name, part in splits.items():
        for which, array in part.arrays().items():
            held = np.ascontiguousarray(array.numpy())
            sums.update(f"{name} {which} {held.shape} {held.dtype};".encode())
            sums.update(held.tobytes())
    return sums.hexdigest()


def overlap(training: Windows, evaluation: Windows) -> float:
    """Share of evaluation windows of which some ``OVERLAP_BARS`` bars in a row occur in training.

    Bars are compared by the bytes of their features, so a leak shows wherever it comes from.
    """
    seen = np.unique(_runs(training))
    return float(np.isin(_runs(evaluation), seen).any(1).mean()) if len(evaluation) else 0.0


def _runs(windows: Windows) -> np.ndarray:
    """One number for each run of bars in each window, (windows, runs); equal runs, equal numbers."""
    bits = np.ascontiguousarray(windows.x.numpy()).view(np.int32).astype(np.int64)
    draws = np.random.default_rng(0)
    odd = 2 * draws.integers(0, 2**62, (bits.shape[2] + OVERLAP_BARS,)) + 1
    # Products and sums wrap around at 64 bits: a hash, in which distinct runs hardly ever meet.
    bars = (bits * odd[OVERLAP_BARS:]).sum(2)
    runs = np.lib.stride_tricks.sliding_window_view(bars, OVERLAP_BARS, axis=1)
    return (runs * odd[:OVERLAP_BARS]).sum(2)
