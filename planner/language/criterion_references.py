"""Whether metrics and the criteria over them name what exists and make sense together."""

from __future__ import annotations

from collections.abc import Iterator

from planner.errors import Problem
from planner.language.criterion import Blocked, Comparison, Level, Measured, Order, Spread
from planner.language.metric import Metric
from planner.language.program import Phase, Program
from planner.language.suggestions import circles, instead, repeated

Keys = tuple[str | int, ...]


_MOST_BLOCKS_NEED = 6
"""Fewer blocks than this show nothing, however clear each is."""


def metric_faults(program: Program) -> Iterator[Problem]:
    """Floors and shares that name no metric, or that rest on themselves."""
    metrics = program.metrics
    for name, metric in metrics.items():
        path = ("metrics", name)
        if isinstance(metric.floor, str) and metric.floor not in metrics:
            hint = instead(metric.floor, metrics)
            yield (*path, "floor"), f"'{metric.floor}' is no metric and no number{hint}"
        if bool(metric.share) != bool(metric.of):
            yield path, "a share needs both: 'share' of which metric, 'of' the sum of which"
        elif metric.share and metric.share not in metric.of:
            yield (*path, "share"), f"'{metric.share}' is not among the metrics of the sum in 'of'"
        for part in metric.of:
            if part not in metrics:
                yield (*path, "of"), f"'{part}' is no metric{instead(part, metrics)}"
        yield from repeated(metric.of, (*path, "of"), "metric")
    rests = {name: [m for m in _rests_on(metric) if m in metrics] for name, metric in metrics.items()}
    for circle in circles(rests):
        yield ("metrics", circle[0]), f"rests on itself: {' -> '.join(circle)}"


def _rests_on(metric: Metric) -> list[str]:
    return [*metric.of, *([metric.floor] if isinstance(metric.floor, str) else [])]


def criterion_faults(program: Program, phase: Phase, criterion: Measured, path: Keys) -> Iterator[Problem]:
    """What a measured criterion names that the program or the phase lacks."""
    yield from _metrics(program, criterion, path)
    yield from _arms(program, phase, criterion, path)
    if isinstance(criterion, Order | Spread):
        what = "an order" if isinstance(criterion, Order) else "a spread"
        if len(criterion.subjects) < 2:
            yield path, f"{what} needs two arms or more"
    if isinstance(criterion, Comparison):
        yield from _comparison(criterion, path)
    if isinstance(criterion, Blocked):
        yield from _blocks(program, criterion, path)


def _blocks(program: Program, criterion: Blocked, path: Keys) -> Iterator[Problem]:
    """Both families need the same blocks in the same order."""
    ours, theirs = (
        [program.arms[arm].get(criterion.blocks) for arm in arms if arm in program.arms]
        for arms in (criterion.subjects, criterion.baselines)
    )
    if None in (*ours, *theirs):
        yield path, f"every arm compared needs the parameter '{criterion.blocks}': its block"
    elif ours != theirs:
        yield path, f"the arms of both sides need the same values of '{criterion.blocks}', in the same order"
    elif len(set(map(str, ours))) < len(ours):
        yield path, f"two arms of one side have the same value of '{criterion.blocks}'"
    elif criterion.over_blocks == "most" and len(ours) < _MOST_BLOCKS_NEED:
        yield path, f"'over_blocks: most' needs at least {_MOST_BLOCKS_NEED} blocks"


def _metrics(program: Program, criterion: Measured, path: Keys) -> Iterator[Problem]:
    named = {"metric": criterion.metric}
    if isinstance(criterion, Comparison) and criterion.versus_metric:
        named["versus_metric"] = criterion.versus_metric
    for key, name in named.items():
        if name not in program.metrics:
            yield (*path, key), f"'{name}' is no metric{instead(name, program.metrics)}"
    metric = program.metrics.get(criterion.metric)
    if metric is None:
        return
    if metric.better == "neither" and (isinstance(criterion, Order) or criterion.better_by is not None):
        key = "best_first" if isinstance(criterion, Order) else "better_by"
        what = f"'{criterion.metric}' is better neither higher nor lower: '{key}' cannot be judged"
        yield (*path, key), what
    bound = criterion.threshold_key if criterion.against_floor else None
    if bound and metric.floor is None:
        yield (*path, bound), f"'{criterion.metric}' has no floor: give the metric one, or write a number"
    elif bound and (not isinstance(criterion, Level) or criterion.since is not None or criterion.over_seeds):
        yield (*path, bound), "the floor bounds an arm's own value, not a difference, ratio or deviation"


def _arms(program: Program, phase: Phase, criterion: Measured, path: Keys) -> Iterator[Problem]:
    lender = program.phases.get(phase.runs_of) if phase.runs_of else None
    phase_arms = [*phase.arms, *(lender.arms if lender else [])]
    for arm in dict.fromkeys(criterion.arms_read):
        if arm not in program.arms:
            family = "; a family's pattern stands for its members only in lists" if "{" in arm else ""
            yield path, f"'{arm}' is no arm{family or instead(arm, phase_arms)}"
        elif arm not in phase_arms:
            yield path, f"'{arm}' is no arm of this phase: add it to the phase's 'arms'"
    yield from repeated(criterion.subjects, path, "arm")


def _comparison(criterion: Comparison, path: Keys) -> Iterator[Problem]:
    if criterion.versus_metric == criterion.metric and criterion.versus is None:
        yield (*path, "versus_metric"), f"compares '{criterion.metric}' with itself"
    if criterion.versus in criterion.subjects and criterion.versus_metric in (None, criterion.metric):
        yield (*path, "versus"), f"compares '{criterion.versus}' with itself"
