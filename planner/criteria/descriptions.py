"""What a criterion compares and asks, in words: from its rule alone, whatever was found."""

from __future__ import annotations

from planner.language.criterion import Combined, Comparison, Criterion, Level, Measured, Order, Spread
from planner.language.readings import which_value
from planner.text.numbers import bound_text

_MANY = 4
"""From so many arms on, a list says how many there are."""


def requirement_text(rule: Criterion) -> str:
    """What a criterion asks: ``new: score, at least 1``."""
    if isinstance(rule, Combined):
        return (" and " if rule.all_of else " or ").join(rule.parts)
    key = rule.threshold_key
    bound = bound_text(key, getattr(rule, key)) if key else bound_text("order", None)
    return f"{compared_text(rule)}, {bound}"


def compared_text(rule: Measured) -> str:
    """What a criterion looks at: arms and metric, and the statistic over seeds where it is not the mean."""
    what = {"sd": "sd over seeds of ", "min": "every seed of ", "max": "every seed of "}
    return what.get(rule.over_seeds or "", "") + _terms(rule)


def _terms(rule: Measured) -> str:
    """Arms and metric; both metrics, each behind its arm, where they differ."""
    reads = which_value(rule)
    if isinstance(rule, Order):
        return f"{' > '.join(rule.subjects)}: {rule.metric}{reads}"
    if isinstance(rule, Spread):
        return f"among {_listed(rule.subjects)}: {rule.metric}{reads}"
    arms = _subjects(rule)
    if not isinstance(rule, Comparison):
        return f"{arms}: {rule.metric}{reads}"
    sign = "/" if rule.as_ == "ratio" else "against" if rule.better_by is not None else "-"
    if rule.versus is None:
        return f"{arms}: {rule.metric} {sign} {rule.other_metric}{reads}"
    if rule.other_metric != rule.metric:
        return f"{arms}: {rule.metric} {sign} {rule.versus}: {rule.other_metric}{reads}"
    return f"{arms} {sign} {rule.versus}: {rule.metric}{reads}"


def _subjects(rule: Measured) -> str:
    if not isinstance(rule, Level | Comparison):
        return "-"
    quantifier = "each of " if rule.each_of else "any of " if rule.any_arm else ""
    return f"{quantifier}{_listed(rule.subjects)}" if len(rule.subjects) > 1 else rule.subjects[0]


def _listed(arms: list[str]) -> str:
    return f"{len(arms)} arms" if len(arms) >= _MANY else ", ".join(arms)
