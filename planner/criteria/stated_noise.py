"""What a program states of a metric's noise and scale, as it stands beside the values of one quantity."""

from __future__ import annotations

import math
from dataclasses import replace

from planner.criteria.answer import Answer
from planner.criteria.decision_rule import judge_quantity
from planner.criteria.quantity import Quantity, RateKind, Region
from planner.criteria.results import Question
from planner.language.criterion import Measured
from planner.language.metric import FLAG, Metric
from planner.statistics import intervals
from planner.statistics.bounds import NO_POOL, NOTHING_STATED, StatedNoise
from planner.statistics.censoring import possible_values, signs
from planner.text.numbers import number

_FAR = 0.001
"""A deviation that is so improbable under the noise stated is a doubt about the statement."""


def judge_stated(
    question: Question, rule: Measured, quantity: Quantity, kind: RateKind, runs: int, sign: float = 1.0
) -> Answer:
    """Holds a quantity against its bound, with what the program states of its metric.

    Args:
        quantity: its values are logarithms where the metric is judged by them, its region is as stated.
        kind: whether its values are of one share or differences of two, where they are of shares.
        runs: how many runs each value is computed from, each with the noise stated; 0 where a value is a
            difference within one run, of whose noise nothing was stated.
        sign: -1 where values are the other arm's less ours.
    """
    metric = question.program.metrics[rule.metric]
    stated = _in_logarithms(_with_stated_noise(quantity, metric, rule, kind, runs), metric)
    if metric.censored_at is not None and not rule.over_seeds and _cut_off(stated, metric):
        return _by_signs(question, stated, metric, sign)
    answer = judge_quantity(stated, question.design, question.with_flip_points)
    return _out_of_logarithms(_with_its_source(answer, stated, metric), stated, quantity.region)


def _with_stated_noise(
    quantity: Quantity, metric: Metric, rule: Measured, kind: RateKind, runs: int
) -> Quantity:
    if metric.is_rate:
        shares = rule.since is None and rule.as_ == "difference" and not rule.over_seeds
        return replace(quantity, rates=kind if shares else None, flags=metric.unit == FLAG)
    plain = runs and rule.since is None and not rule.over_seeds
    if not plain or (rule.as_ == "ratio" and not metric.transform):
        return quantity
    return replace(quantity, stated=_stated(metric, quantity, runs))


def _stated(metric: Metric, quantity: Quantity, runs: int) -> StatedNoise:
    if not (metric.noise or metric.step):
        return NOTHING_STATED
    items = metric.items if metric.holds_for == "new_items" else None
    means = [intervals.mean(values) for values in quantity.operands]
    return StatedNoise(
        sd=metric.known_sd * math.sqrt(runs),
        # A value that is rounded to a step is uniform within it.
        least_sd=0.0 if metric.transform else metric.step * math.sqrt(runs / 12),
        items_variance=math.fsum(mean * (1 - mean) for mean in means) / items if items else 0.0,
    )


def _cut_off(quantity: Quantity, metric: Metric) -> int:
    """How many values lie at the limit of the metric."""
    return sum(value >= limit_of(metric) for values in quantity.operands for value in values)


def limit_of(metric: Metric) -> float:
    """Where a metric's values, or their logarithms, are cut off; infinite where they are not."""
    limit = metric.censored_at if metric.censored_at is not None else math.inf
    return math.log(limit) if metric.transform else limit


def _by_signs(question: Question, quantity: Quantity, metric: Metric, sign: float) -> Answer:
    """The answer of a sign test: means and t bounds say nothing of values that were cut off."""
    limit = f"values at the limit {number(metric.censored_at)} say only that they are no smaller"
    if quantity.other is not None:
        note = f"{limit}: such arms are compared seed by seed alone"
        return Answer("undecided", None, quantity.n, "bounds", cause="undecided", note=note, by_signs=note)
    effect = quantity.delta is not None
    region = Region(0.0, math.inf, open=True) if effect else quantity.region
    theirs = quantity.operands[1] if len(quantity.operands) == 2 else (None,) * len(quantity.values)
    possible = [
        possible_values(value, ours, other, sign, limit_of(metric))
        for value, ours, other in zip(quantity.in_order, quantity.operands[0], theirs, strict=True)
    ]
    sides = signs(possible, region.holds, (region.low, region.high))
    counted = replace(
        quantity,
        values=dict(zip(sorted(quantity.values), sides, strict=True)),
        region=Region(0.0, math.inf, open=True),
        delta=None,
        operands=(),
        deterministic="",
        noise=NO_POOL,
        stated=NOTHING_STATED,
        rates="difference",
        flags=True,
        logarithms=False,
    )
    better, worse = sides.count(1.0), sides.count(-1.0)
    alike = f", {len(sides) - better - worse} of which it is not known" if better + worse < len(sides) else ""
    what = "better" if effect else "beyond the bound"
    said = f"{quantity.comparison}: {what} in {better} of {len(sides)} seeds, not in {worse}{alike}"
    answer = judge_quantity(counted, question.design, question.with_flip_points)
    return replace(answer, by_signs=f"{said}; {limit} (sign test)")


def _with_its_source(answer: Answer, quantity: Quantity, metric: Metric) -> Answer:
    """The answer with the word on which it rests, and a caveat where the values speak against it."""
    if answer.treatment != "bounds" or not quantity.stated.sd:
        return answer
    source = f"noise {number(metric.known_sd)} of one run, as stated by {metric.noise_source}"
    answer = replace(answer, note="; ".join(filter(None, [answer.note, source])))
    n, sd = len(quantity.values), intervals.sd(quantity.in_order)
    if n < 2 or intervals.sd_probability(sd / quantity.stated.sd, n) >= _FAR:
        return answer
    per_run = sd / quantity.stated.sd * metric.known_sd
    doubt = (
        f"{n} values vary as if the noise of one run were {number(per_run)}, not {number(metric.known_sd)}"
    )
    return replace(answer, caveats=(*answer.caveats, doubt))


def _in_logarithms(quantity: Quantity, metric: Metric) -> Quantity:
    """The quantity whose values are logarithms, with its region in them; a deviation of them stays one."""
    if not metric.transform or quantity.spread:
        return quantity
    return replace(quantity, region=quantity.region.logarithms, logarithms=True)


def _out_of_logarithms(answer: Answer, quantity: Quantity, region: Region) -> Answer:
    """The answer in the metric's own unit, or as a ratio of two values; a mean is a geometric one.

    Args:
        region: the one that the criterion states.
    """
    if not quantity.logarithms or answer.observed is None:
        return answer
    observed, interval = math.exp(answer.observed), answer.interval
    return replace(
        answer,
        observed=observed,
        interval=(math.exp(interval[0]), math.exp(interval[1])) if interval else None,
        margin=region.margin(observed),
        flip_points=tuple((math.exp(value), outcome) for value, outcome in answer.flip_points),
    )
