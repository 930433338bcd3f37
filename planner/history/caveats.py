"""What is to be said against a judged history: one sentence for each kind of doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from planner.history.arms import Arm
from planner.history.comparison import ArmValues
from planner.history.confounds import DATASET
from planner.history.judged import JudgedArm
from planner.history.logged_run import History
from planner.history.question import HistoryQuestion
from planner.history.seeds import SeedSource


def caveats_of(
    history: History,
    question: HistoryQuestion,
    seeds: SeedSource,
    arms: Sequence[Arm],
    rows: Sequence[JudgedArm],
    samples: Mapping[str, ArmValues],
) -> Iterator[str]:
    """One sentence for each kind of doubt."""
    yield from history.remarks
    if question.at == "best":
        yield f"each run's best {question.metric} is taken, chosen among its steps: means are too good"
    yield from _of_experiments(question, arms)
    yield from _of_seeds(seeds, arms, rows)
    yield from _of_confounds(rows)
    yield from _of_steps(samples)
    if not any(run.data for arm in arms for run in arm.runs):
        yield "no run logged a dataset: whether all ran on the same data is not known"


def _of_experiments(question: HistoryQuestion, arms: Sequence[Arm]) -> Iterator[str]:
    names = list(dict.fromkeys(run.experiment for arm in arms for run in arm.runs))
    if len(names) > 1 and "experiment" not in question.arms_by:
        yield f"runs of {len(names)} experiments are taken together (--experiment NAME): {_listed(names)}"


def _of_seeds(seeds: SeedSource, arms: Sequence[Arm], rows: Sequence[JudgedArm]) -> Iterator[str]:
    if seeds.param is not None:
        yield f"seeds are read from the parameter '{seeds.param}'"
    runs = [run for arm in arms for run in arm.runs]
    without = sum(run.id not in seeds.of_run for run in runs)
    if without == len(runs):
        yield "no run says its seed: arms are compared by their means, not seed by seed (--seed-from NAME)"
    elif without:
        yield f"{without} of {len(runs)} runs do not say their seed: they pair with none"
    unpaired = [row.name for row in rows if row.comparison and row.comparison.paired is False]
    if unpaired and without < len(runs):
        yield f"not paired, too few seeds in common with the baseline: {_listed(unpaired)}"


def _of_confounds(rows: Sequence[JudgedArm]) -> Iterator[str]:
    """One sentence for each setting."""
    differing: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows:
        for one in row.confounds:
            differing.setdefault((one.param, one.there), []).append((row.name, one.here))
    for (param, there), arms in differing.items():
        values = ", ".join(dict.fromkeys(here for _, here in arms))
        names = _listed([name for name, _ in arms])
        what = "the dataset" if param == DATASET else param
        yield f"{what} differs from the baseline's too ({values} against {there}): {names}"


def _of_steps(samples: Mapping[str, ArmValues]) -> Iterator[str]:
    spans = {sample.steps for sample in samples.values() if sample.steps}
    ends = [step for span in spans for step in span]
    if len(set(ends)) > 1:
        yield f"runs end at different steps ({min(ends)} to {max(ends)})"


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names[:4]) + (f"; and {len(names) - 4} more" if len(names) > 4 else "")
