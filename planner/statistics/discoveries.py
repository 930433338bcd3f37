"""Claims among many, at most a stated share of them false, whatever their dependence."""

from __future__ import annotations

import math
from collections.abc import Sequence


def discoveries(log_es: Sequence[float], rate: float) -> list[int]:
    """The claims to make, by e-BH (Wang and Ramdas 2022): the j largest with E >= K / (j rate).

    Args:
        log_es: ln E of each of the K claims against its threshold.
        rate: of the claims that are made, the share that may be false on average.

    Returns:
        Their positions, in order.
    """
    largest_first = sorted(range(len(log_es)), key=lambda i: -log_es[i])
    enough = [j for j, i in enumerate(largest_first, 1) if log_es[i] >= math.log(len(log_es) / (j * rate))]
    return sorted(largest_first[: max(enough, default=0)])
