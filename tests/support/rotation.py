"""Which share of what is too many to be run for every change is run for this one.

The change's own digest chooses, so that shares come round by themselves and the same change runs the same.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

SHARES = 4
ROOT = Path(__file__).resolve().parents[2]
Item = TypeVar("Item")


def turn_of_this_change(folder: Path = ROOT) -> int:
    """The number of the share whose turn it is; always the same one where there is no git."""
    try:
        digest = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"], cwd=folder, capture_output=True, text=True, check=False
        )
        return int(digest.stdout, 16) % SHARES
    except (OSError, ValueError):
        return 0


def share(items: Sequence[Item], turn: int) -> Sequence[Item]:
    """The items whose turn it is: every fourth."""
    return items[turn::SHARES]
