"""How the processes of runs use memory."""

from __future__ import annotations

import contextlib
import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt``."""
KEPT_BYTES, LARGEST_BYTES = 1 << 29, 1 << 25
"""So much of what is freed is kept for later, but no piece above the second, the most that glibc takes."""


def keep_freed_memory() -> None:
    """Lets this process and its forks use again what they free, instead of handing it back at once.

    glibc learns how large the pieces are while a process lives, and each run's process would begin anew: a
    network's tensors would be handed back and asked for at every step, and half the system time goes there.
    Other systems have no such parameters, and nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, LARGEST_BYTES)
        library.mallopt(TRIM_THRESHOLD, KEPT_BYTES)
