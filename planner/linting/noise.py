"""What a metric states of its noise or scale, and criteria that do not go with it."""

from __future__ import annotations

from collections.abc import Iterator

from planner.language.criterion import Blocked, Comparison, Level, Measured, Order, Spread
from planner.language.finding import Finding, error, warning
from planner.language.metric import Metric
from planner.language.program import Phase, Program


def noise_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Criteria that ask of a metric what cannot be answered as it is judged."""
    for key, rule in phase.criteria.items():
        if isinstance(rule, Measured) and rule.metric in program.metrics:
            path = ("phases", name, "criteria", key)
            metric = program.metrics[rule.metric]
            wrong = _against_logarithms(metric, rule) if metric.transform else _against_shares(metric, rule)
            wrong = wrong or _against_limit(metric, rule)
            if wrong:
                yield error(path, wrong)
            elif metric.holds_for == "new_items" and (rule.as_ == "ratio" or rule.over_seeds):
                what = "speaks of these items alone: 'holds_for: new_items' is for values and differences"
                yield warning(path, what)


def _against_logarithms(metric: Metric, rule: Measured) -> str:
    """What is wrong with a criterion on a metric that is judged by its logarithm; nothing if nothing is."""
    if rule.of_deviation:
        return ""
    if isinstance(rule, Order | Spread | Blocked) or (isinstance(rule, Comparison) and rule.as_ != "ratio"):
        return "the metric is judged by its logarithm, so that arms are compared by ratio: say 'as: ratio'"
    if isinstance(rule, Level) and rule.since is not None and rule.as_ != "ratio":
        return "the metric is judged by its logarithm, so that steps are compared by ratio: say 'as: ratio'"
    if isinstance(rule, Level) and rule.against_floor and isinstance(metric.floor, str):
        return (
            "the metric is judged by its logarithm: use 'versus_metric' and 'as: ratio' in place of its floor"
        )
    if isinstance(rule, Level) and rule.within is not None and rule.since is None:
        return "the metric is judged by its logarithm, which is not near 0 where the metric is: say 'at_most'"
    threshold = metric.floor if rule.against_floor else rule.threshold
    ends = threshold if isinstance(threshold, tuple) else (threshold,)
    if rule.within is None and any(isinstance(end, int | float) and end <= 0 for end in ends):
        return "the metric is judged by its logarithm, which a bound of 0 or less does not have"
    if rule.within is not None and rule.within >= 1:
        return "a ratio that may be 0 is no equivalence: a margin below 1 is needed"
    return ""


def _against_shares(metric: Metric, rule: Measured) -> str:
    if metric.noise == "bounded" and (rule.as_ == "ratio" or rule.since is not None):
        return (
            "values of 'noise: bounded' are compared by difference, between arms: leave out 'as' and 'since'"
        )
    return ""


def _against_limit(metric: Metric, rule: Measured) -> str:
    if metric.censored_at is None:
        return ""
    if (
        isinstance(rule, Spread)
        or rule.within is not None
        or rule.between is not None
        or rule.since is not None
    ):
        return (
            "values that may be cut off (censored_at) lie on one side of a bound or the other: ask for that"
        )
    if rule.as_ == "ratio" and not metric.transform:
        return "ratios of values that may be cut off (censored_at) need 'transform: log' at the metric"
    if rule.of_deviation:
        return "values that may be cut off (censored_at) have no standard deviation"
    return ""
