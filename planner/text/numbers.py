"""Numbers, bounds and names in words, for reasons, memos and the screen."""

from __future__ import annotations

_BOUNDS = {
    "above": "above",
    "at_least": "at least",
    "below": "below",
    "at_most": "at most",
    "between": "between",
    "within": "within",
    "better_by": "better by",
}


def words(name: str) -> str:
    """A name of ours as people write it: ``not_met`` is "not met"."""
    return name.replace("_", " ")


def number(value: float | None, signed: bool = False, digits: int = 4) -> str:
    """A number with that many significant digits; a dash for none."""
    if value is None:
        return "-"
    text = f"{value:+.{digits}g}" if signed else f"{value:.{digits}g}"
    return "0" if text in ("-0", "+0", "0") else text


def bound_text(bound: str, threshold: object) -> str:
    """A bound as people write it."""
    if bound == "order":
        return "every pair in order"
    if isinstance(threshold, tuple | list):
        return f"between {number(threshold[0])} and {number(threshold[1])}"
    value = number(threshold) if isinstance(threshold, int | float) else str(threshold)
    return f"within ±{value}" if bound == "within" else f"{_BOUNDS.get(bound, bound)} {value}"


def floor_text(bound: str, value: float | None, name: str = "") -> str:
    """A bound that is the metric's floor: the number itself, or another metric by name."""
    floor = f"{name} ({number(value)})" if name and value is not None else name or number(value)
    return f"{_BOUNDS.get(bound, bound)} its floor {floor}"


def around(interval: tuple[float, float] | None) -> str:
    """An interval in brackets behind a value; nothing where there is none."""
    return "" if interval is None else f" [{number(interval[0])}, {number(interval[1])}]"
