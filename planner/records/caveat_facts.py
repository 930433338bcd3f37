"""Facts about a verdict that a caveat says too: earlier versions wrote down the sentence alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHORT_OF_BUDGET = "the budget is spent before every run that was asked for is made"
"""The caveat of a verdict whose runs could not all be paid for."""
_PASSED_OVER = re.compile(r"phase '([^']+)' was not done \(passed over\)")


def passed_over_caveat(phase: str) -> str:
    """What the verdicts after a phase that was passed over say."""
    return f"phase '{phase}' was not done (passed over)"


def phases_passed_over(caveats: Iterable[str]) -> tuple[str, ...]:
    """The phases that a verdict of an earlier version says were passed over, in their order."""
    return tuple(match[1] for caveat in caveats if (match := _PASSED_OVER.fullmatch(caveat)))
