"""Random numbers that depend on a seed and a purpose, and on nothing that ran before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, *purpose: object) -> int:
    """A 63-bit seed for one purpose; purposes that differ give streams that share nothing.

    Deriving one seed per purpose (rather than drawing everything from one stream) keeps arms at one
    seed paired: an arm that draws more numbers for its estimator does not shift the batches.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: object) -> torch.Generator:
    """A CPU generator for one purpose. Draw on the CPU and move: every device sees the same numbers."""
    return torch.Generator().manual_seed(derive(seed, *purpose))


@contextmanager
def seeded(seed: int, *purpose: object) -> Iterator[None]:
    """Seeds the global CPU generator within the block and restores it afterwards.

    For code that takes no generator, such as the initialisation of ``torch.nn`` modules.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, *purpose))
        yield
