"""How far the values of two compared arms go together from seed to seed."""

from __future__ import annotations

from statistics import StatisticsError, correlation

from planner.explaining.criterion_row import decisive_part
from planner.explaining.recomputation import values_of
from planner.language.criterion import Comparison
from planner.language.program import Program
from planner.language.readings import which_value
from planner.records.verdict import CriterionResult, Verdict

_LEAST_PAIRS = 3
"""Seeds in common below which a correlation says nothing."""


def pair_correlation(program: Program, verdict: Verdict, result: CriterionResult) -> float | None:
    """The correlation of two compared arms over the seeds that both have, whether judged as pairs or not.

    Of several arms it is that of the one that decides.

    Returns:
        None for any other criterion, below three seeds in common, and where an arm does not vary.
    """
    phase = program.phases.get(verdict.phase)
    rule = phase.criteria.get(result.id) if phase is not None else None
    if not isinstance(rule, Comparison) or rule.versus is None:
        return None
    arm = rule.subjects[0] if len(rule.subjects) == 1 else decisive_part(result)
    table, reads = values_of(verdict), which_value(rule).strip()
    ours = table.get((arm, rule.metric, reads), {})
    theirs = table.get((rule.versus, rule.other_metric, reads), {})
    seeds = [seed for seed in ours if seed in theirs]
    if len(seeds) < _LEAST_PAIRS:
        return None
    try:
        return correlation([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds])
    except (StatisticsError, OverflowError):
        return None
