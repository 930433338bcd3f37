"""Bounds that no value meets or that every value meets, and criteria that compare a thing with itself."""

from __future__ import annotations

from collections.abc import Iterator

from planner.language.criterion import Combined, Criterion, Measured, Order, Spread
from planner.language.finding import Finding, error, warning
from planner.language.program import Phase, Program
from planner.linting.joint_answers import samples_of
from planner.linting.value_ranges import Part, requirement_of
from planner.text.numbers import bound_text, number


def bound_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Criteria whose answer is known before anything runs, and criteria that are written twice."""
    seen: dict[str, str] = {}
    for key, rule in phase.criteria.items():
        path = ("phases", name, "criteria", key)
        body = rule.model_dump_json(exclude={"says"})
        first = seen.setdefault(body, key)
        if first != key:
            yield warning(path, f"asks for the same as '{first}'")
        elif isinstance(rule, Combined):
            yield from _one_part(path, rule)
        elif _with_itself(rule):
            yield error(path, f"compares the value at {_step(rule.at)} with itself")
        else:
            yield from _decided(program, name, path, rule)


def metric_findings(program: Program) -> Iterator[Finding]:
    """Shares of nothing but themselves."""
    for name, metric in program.metrics.items():
        if metric.share and set(metric.of) == {metric.share}:
            yield error(("metrics", name, "of"), f"'{metric.share}' is the whole sum: the share is always 1")
        if metric.floor == name:
            yield error(("metrics", name, "floor"), "is its own floor: nothing is ever above it")


def _one_part(path: tuple[str, ...], rule: Combined) -> Iterator[Finding]:
    if len(rule.parts) == 1:
        yield warning(path, f"combines '{rule.parts[0]}' alone: ask for that")


def _with_itself(rule: Measured) -> bool:
    return rule.since is not None and rule.since == rule.at


def _step(step: int | str | None) -> str:
    return f"step {step}" if isinstance(step, int) else f"the {step} step"


def _decided(program: Program, name: str, path: tuple[str, ...], rule: Criterion) -> Iterator[Finding]:
    if isinstance(rule, Spread) and isinstance(rule.at_most, float | int) and rule.at_most < 0:
        yield error(path, f"can never be met: a spread is never below 0, asked is {_bound(rule)}")
        return
    requirement = requirement_of(program, name, rule)
    if requirement is None or isinstance(rule, Order | Spread | Combined):
        return
    for part in requirement.parts[:1]:  # the arms of one criterion are asked the same
        possible = _read(part, program.metrics[rule.metric].unit)
        if rule.better_by is not None:
            if rule.better_by > part.variable.limits[1]:
                yield error(path, f"can never be worth having: {possible}, asked is {_bound(rule)}")
            continue
        if not _may(part, True):
            yield error(path, f"can never be met: {possible}, asked is {_bound(rule)}")
        elif not _may(part, False):
            yield warning(path, f"is met by every value: {possible}, asked is {_bound(rule)}")
        elif not _may(_usual(part), True):
            what = f"can be met only if '{rule.metric}' is a difference: {possible}, asked is {_bound(rule)}"
            yield warning(path, what)
        elif not _may(_usual(part), False):
            what = f"is met by every value unless '{rule.metric}' is a difference: {possible}, asked is"
            yield warning(path, f"{what} {_bound(rule)}")


def _may(part: Part, answer: bool) -> bool:
    return any(answer in part.answers(value) for value in samples_of([part]))


def _usual(part: Part) -> Part:
    """The part as its unit has it where the metric is no difference itself."""
    return Part(part.variable._replace(limits=part.variable.usual), part.met, part.not_met)


def _read(part: Part, unit: str) -> str:
    """What the quantity can be, in words."""
    kind = part.variable.kind
    low, high = part.variable.usual
    what = {"value": f"a {unit}", "difference": f"a difference in {unit}", "ratio": "a ratio of two values"}
    text = {"deviation": "a standard deviation"}.get(kind) or what.get(kind, kind)
    if high == float("inf"):
        return f"{text} is never below {number(low)}"
    return f"{text} lies in {number(low)} to {number(high)}"


def _bound(rule: Measured) -> str:
    if rule.against_floor:
        return f"{(rule.threshold_key or '').replace('_', ' ')} its floor"
    return bound_text(rule.threshold_key or "", rule.threshold)
