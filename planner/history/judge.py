"""A table of arms: how each stands against a baseline, over all runs that a history holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from planner.errors import UsageError
from planner.history.arms import Arm, find_arm, group
from planner.history.caveats import caveats_of
from planner.history.comparison import ArmValues, compare, mean_interval
from planner.history.confounds import Confound, Settings, confounds, settings_of
from planner.history.filtering import parse_condition
from planner.history.judged import Family, JudgedArm, JudgedHistory
from planner.history.logged_run import History, LoggedRun
from planner.history.question import Better, HistoryQuestion
from planner.history.seeds import SeedSource, read_seeds
from planner.history.selection import LeftOut, choose, one_of_each_seed, settings_within_seeds
from planner.language.suggestions import instead
from planner.statistics import intervals
from planner.statistics.levels import LEAST_VALUES

_KIND = "planner.kind"
"""The tag of what a planner wrote beside its runs: records, and runs that were made twice."""


def judge_history(history: History, question: HistoryQuestion) -> JudgedHistory:
    """Judges every arm of a history against a baseline.

    Raises:
        UsageError: no run has the metric, a parameter, or the arm that is named.
    """
    condition = parse_condition(question.where)
    wanted = [run for run in history.runs if run.tags.get(_KIND, "run") == "run" and condition(run)]
    if not wanted:
        where = f" that meet --where {question.where}" if question.where else ""
        raise UsageError(f"{history.store} holds no runs{where}")
    parents = {run.parent for run in history.runs if run.parent}
    runs, left_out = choose(wanted, question.metric, parents)
    if not runs:
        _refuse_metric(history, question, left_out)
    seeds = read_seeds(runs, question.seed_from)
    arms, twice, mixed = _arms(runs, question, seeds)
    seeds = _without(seeds, [arm for arm in arms if arm.name in mixed])
    better = question.direction
    samples = {arm.name: _values(arm, seeds, question) for arm in arms}
    baseline = _baseline(arms, question, better)
    family = _family(arms, samples, baseline, question)
    settings = {arm.name: settings_of(arm, seeds.param) for arm in arms}
    rows = [_row(arm, samples, settings, baseline, better, family, question) for arm in arms]
    rows.sort(key=lambda row: row.mean, reverse=better == "higher")
    caveats = [*_of_mixed(mixed), *caveats_of(history, question, seeds, arms, rows, samples)]
    return JudgedHistory(
        store=history.store,
        question=question,
        better=better,
        baseline=baseline.name if baseline else None,
        family=family,
        arms=tuple(rows),
        caveats=tuple(caveats),
        left_out=(*left_out, *twice),
    )


def _refuse_metric(history: History, question: HistoryQuestion, left_out: Sequence[LeftOut]) -> None:
    """Says why there is nothing to judge."""
    if question.metric not in history.metrics:
        raise UsageError(
            f"no run has the metric '{question.metric}'{instead(question.metric, history.metrics)}"
        )
    kinds = Counter(one.kind for one in left_out)
    raise UsageError(f"no run is left to judge: {', '.join(f'{n}: {kind}' for kind, n in kinds.items())}")


def _arms(
    runs: Sequence[LoggedRun], question: HistoryQuestion, seeds: SeedSource
) -> tuple[list[Arm], list[LeftOut], dict[str, list[str]]]:
    """(arms with one run for each seed, the runs whose seed another has, arm -> settings that it mixes)."""
    arms, left_out, mixed = [], list[LeftOut](), dict[str, list[str]]()
    for arm in group(runs, question.arms_by, seeds.param, seeds.of_run):
        differing = settings_within_seeds(arm.runs, seeds.of_run)
        kept, twice = (arm.runs, []) if differing else one_of_each_seed(arm.runs, seeds.of_run)
        if differing:
            mixed[arm.name] = differing
        arms.append(Arm(arm.name, arm.params, tuple(kept)))
        left_out += twice
    return arms, left_out, mixed


def _of_mixed(mixed: Mapping[str, Sequence[str]]) -> list[str]:
    if not mixed:
        return []
    names = list(dict.fromkeys(name for held in mixed.values() for name in held))
    return [
        f"runs of one arm and seed differ in {', '.join(names[:4])}: their arms are not taken seed by seed "
        f"(name it in --arms-by, or choose runs with --where)"
    ]


def _without(seeds: SeedSource, arms: Sequence[Arm]) -> SeedSource:
    """The seeds, without those of arms in which they tell no run from another."""
    ids = {run.id for arm in arms for run in arm.runs}
    return SeedSource(seeds.param, {run: seed for run, seed in seeds.of_run.items() if run not in ids})


def _values(arm: Arm, seeds: SeedSource, question: HistoryQuestion) -> ArmValues:
    steps = [run.step for run in arm.runs if run.step is not None and question.at != "best"]
    return ArmValues(
        values=[run.value for run in arm.runs if run.value is not None],
        by_seed={
            seeds.of_run[r.id]: r.value for r in arm.runs if r.value is not None and r.id in seeds.of_run
        },
        steps=(min(steps), max(steps)) if steps else None,
    )


def _baseline(arms: Sequence[Arm], question: HistoryQuestion, better: Better) -> Arm | None:
    if question.baseline == "none":
        return None
    if question.baseline != "best":
        return find_arm(arms, question.baseline)
    candidates = [arm for arm in arms if len(arm.runs) >= LEAST_VALUES] or list(arms)
    sign = -1 if better == "lower" else 1
    return max(candidates, key=lambda arm: sign * _mean(arm))


def _mean(arm: Arm) -> float:
    return intervals.mean([run.value for run in arm.runs if run.value is not None])


def _family(
    arms: Sequence[Arm], samples: Mapping[str, ArmValues], baseline: Arm | None, question: HistoryQuestion
) -> Family:
    """The comparisons that can be made; where the best was chosen, all pairs of which it could be one."""
    enough = sum(len(samples[arm.name].values) >= LEAST_VALUES for arm in arms)
    if baseline is None or enough < 2:
        return Family(0, question.alpha, "nothing is compared")
    if question.baseline == "best":
        size = enough * (enough - 1) // 2
        return Family(size, question.alpha, "Bonferroni over all pairs, because the baseline is the best arm")
    return Family(enough - 1, question.alpha, "Bonferroni")


def _row(
    arm: Arm,
    samples: Mapping[str, ArmValues],
    settings: Mapping[str, Settings],
    baseline: Arm | None,
    better: Better,
    family: Family,
    question: HistoryQuestion,
) -> JudgedArm:
    sample = samples[arm.name]
    comparison, differing = None, list[Confound]()
    if baseline is not None and arm.name != baseline.name:
        error = family.alpha / 2 / max(family.size, 1)
        theirs = samples[baseline.name]
        comparison = compare(sample, theirs, better == "lower", error, question.least_effect)
        differing = confounds(settings[arm.name], settings[baseline.name])
    return JudgedArm(
        name=arm.name,
        params=arm.params,
        n=len(sample.values),
        mean=intervals.mean(sample.values),
        interval=mean_interval(sample.values),
        run_ids=tuple(run.id for run in arm.runs),
        comparison=comparison,
        confounds=tuple(differing),
    )
