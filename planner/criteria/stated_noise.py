"""What a program states of a metric's noise and scale, as it stands beside the values of one quantity."""

from __future__ import annotations

import math
from dataclasses import replace

from planner.criteria.answer import Answer
from planner.criteria.decision_rule import judge_quantity
from planner.criteria.quantity import Quantity, RateKind, Region
from planner.criteria.results import Question
from planner.language.criterion import Measured
from planner.language.metric import FLAG, KnownNoise, Metric
from planner.statistics import intervals
from planner.statistics.bounds import NOTHING_STATED, StatedNoise
from planner.text.numbers import number

_FAR = 0.001
"""A deviation that is so improbable under the noise stated is a doubt about the statement."""


def judge_stated(question: Question, rule: Measured, quantity: Quantity, kind: RateKind, runs: int) -> Answer:
    """Holds a quantity against its bound, with what the program states of its metric.

    Args:
        quantity: its values are logarithms where the metric is judged by them, its region is as stated.
        kind: whether its values are of one share or differences of two, where they are of shares.
        runs: how many runs each value is computed from, each with the noise stated; 0 where a value is a
            difference within one run, of whose noise nothing was stated.
    """
    metric = question.program.metrics[rule.metric]
    stated = _in_logarithms(_with_stated_noise(quantity, metric, rule, kind, runs), metric)
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


def _with_its_source(answer: Answer, quantity: Quantity, metric: Metric) -> Answer:
    """The answer with the word on which it rests, and a caveat where the values speak against it."""
    if answer.treatment != "bounds" or not quantity.stated.sd or not isinstance(metric.noise, KnownNoise):
        return answer
    source = f"noise {number(metric.noise.sd)} of one run, as stated by {metric.noise.source}"
    answer = replace(answer, note="; ".join(filter(None, [answer.note, source])))
    n, sd = len(quantity.values), intervals.sd(quantity.in_order)
    if n < 2 or intervals.sd_probability(sd / quantity.stated.sd, n) >= _FAR:
        return answer
    per_run = sd / quantity.stated.sd * metric.noise.sd
    doubt = (
        f"{n} values vary as if the noise of one run were {number(per_run)}, not {number(metric.noise.sd)}"
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
