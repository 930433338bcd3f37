"""Which share of what is too many to be run for every change is run for this one.

The change's own digest chooses, so that shares come round by themselves and the same change runs the same.
With ``EVERYTHING`` in the environment nothing is left to other changes (``make everything``).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TypeVar

SHARES = 12
SHARES_OF_KILLS = 10
EXAMPLES = 12
"""A change tries a twelfth of the random examples: each try is of others."""
EVERYTHING = bool(os.environ.get("EVERYTHING"))
ROOT = Path(__file__).resolve().parents[2]
Item = TypeVar("Item")


def turn_of_this_change(folder: Path = ROOT) -> int:
    """A number that says whose turn it is, whatever the shares are; 0 where there is no git."""
    try:
        digest = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
        )
        return int(digest.stdout, 16)
    except (OSError, ValueError):
        return 0


def a_share_of(many: int) -> int:
    """How many examples of so many a change tries; which ones is left to chance."""
    return many if EVERYTHING else many // EXAMPLES


def a_fifth_of(many: int) -> int:
    """How many examples of so many the tests of every change try."""
    return many if EVERYTHING else max(many // 5, 1)


def every_step_or_a_share(step: int = 1) -> Iterator[int]:
    """0, ``step``, 2 ``step``, ... without an end; of these one share for one change, from its turn on."""
    return count(0, step) if EVERYTHING else count(turn_of_this_change() % SHARES * step, SHARES * step)


def share(items: Sequence[Item], turn: int, shares: int = SHARES) -> Sequence[Item]:
    """The items whose turn it is."""
    return items[turn % shares :: shares]


def in_turn(items: Sequence[Item], shares: int = SHARES) -> Sequence[Item]:
    """The items that are run for this change: those whose turn it is, or everything."""
    return items if EVERYTHING else share(items, turn_of_this_change(), shares)
