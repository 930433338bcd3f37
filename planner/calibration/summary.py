"""Shares and their errors, from repetitions: what ``calibrate`` reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from planner.calibration.noise_model import Noise, Shape
from planner.calibration.trial import GateTrial, PathTrial
from planner.records.base import Record

_Z = 1.959964
"""Of a 95% interval."""


class Rate(Record):
    """A share of the repetitions.

    Attributes:
        se: its Monte-Carlo standard error.
        low, high: its 95% interval, which says something also where nothing was counted (wilson1927).
    """

    rate: float
    se: float
    low: float
    high: float

    def against(self, bound: float) -> str:
        """Whether the share is ``within`` a bound, ``above`` it, or ``open`` at so many repetitions."""
        return "above" if self.low > bound else "within" if self.high <= bound else "open"


class Tally(Record):
    """How often a gate answered what in one scenario.

    Attributes:
        passed: of these ``tested`` rest on no point value, and ``confirmed`` have no caveat either.
        invalid: blocked ones too.
        runs: mean and 90% quantile of the runs that one judgement took.
    """

    passed: Rate
    tested: Rate
    confirmed: Rate
    failed: Rate
    inconclusive: Rate
    invalid: Rate
    runs: float
    runs_90: float


class GateRow(Record):
    """One gate.

    Attributes:
        share: of the error budget; the chance of a false pass at which it is judged.
        after: the gate whose share it takes over.
        point: it is judged at point value alone, which no error budget covers.
        null, effect: every criterion just untrue, or true by its effect.
        weakest: where one criterion alone is untrue: the one that lets the gate pass most often.
        stated: under the means that the caller stated.
        not_simulated: scenario -> why the gate cannot be simulated in it.
    """

    phase: str
    share: float
    after: str | None
    point: bool
    null: Tally | None = None
    effect: Tally | None = None
    weakest: Tally | None = None
    weakest_criterion: str | None = None
    stated: Tally | None = None
    not_simulated: Mapping[str, str] = {}

    @property
    def worst(self) -> Tally | None:
        """The scenario in which it passed falsely most often."""
        tallies = [tally for tally in (self.null, self.weakest) if tally is not None]
        return max(tallies, key=lambda tally: tally.tested.rate, default=None)


class PathRow(Record):
    """The whole path in one scenario.

    Attributes:
        passed, tested, confirmed: that any gate passes, of those that are as the scenario has them;
            gates at point value count for ``passed`` alone.
        reached: phase -> how often it was judged.
        passes: phase -> how often its gate passed.
        ends: state of the program at the end -> how often.
        not_placed: phase -> why its gate is not as the scenario has the others.
    """

    passed: Rate
    tested: Rate
    confirmed: Rate
    runs: float
    runs_90: float
    reached: Mapping[str, float]
    passes: Mapping[str, float]
    ends: Mapping[str, float]
    not_placed: Mapping[str, str]


class Calibration(Record):
    """What was simulated and what came of it."""

    program: str
    repetitions: int
    seed: int
    shape: Shape
    beyond: float
    fidelity: str | None
    false_pass: float
    false_fail: float
    noise: Mapping[str, Noise]
    gates: tuple[GateRow, ...]
    path: Mapping[str, PathRow]


def rate_of(count: int, n: int) -> Rate:
    """A share with its error."""
    p = count / n
    centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
    return Rate(
        rate=p,
        se=math.sqrt(p * (1 - p) / n),
        low=0.0 if count == 0 else max(centre - half, 0.0),
        high=1.0 if count == n else min(centre + half, 1.0),
    )


def tally_of(trials: Sequence[GateTrial]) -> Tally:
    """The shares of one gate's answers."""

    def share(holds: Callable[[GateTrial], bool]) -> Rate:
        return rate_of(sum(map(holds, trials)), len(trials))

    runs = [trial.runs for trial in trials]
    return Tally(
        passed=share(lambda t: t.judged.passed),
        tested=share(lambda t: t.judged.passed and t.judged.tested),
        confirmed=share(lambda t: t.judged.passed and t.judged.confirmed),
        failed=share(lambda t: t.judged.outcome == "fail"),
        inconclusive=share(lambda t: t.judged.outcome == "inconclusive"),
        invalid=share(lambda t: t.judged.outcome in ("invalid", "blocked")),
        runs=sum(runs) / len(runs),
        runs_90=quantile(runs, 0.9),
    )


def path_of(
    trials: Sequence[PathTrial],
    phases: Sequence[str],
    aside: Mapping[str, str],
    infeasible: Mapping[str, str],
) -> PathRow:
    """The shares of trials along the path.

    Args:
        aside: phases whose passes are no false ones, because they hold in this scenario.
        infeasible: phases whose gates no means put as the others are; their passes do not count either.
    """
    n = len(trials)
    counted = [name for name in phases if name not in aside and name not in infeasible]

    def any_of(holds: Callable[[PathTrial, str], bool]) -> Rate:
        return rate_of(sum(any(holds(t, p) for p in counted if p in t.judged) for t in trials), n)

    states = sorted({trial.state for trial in trials})
    runs = [trial.runs for trial in trials]
    return PathRow(
        passed=any_of(lambda t, p: t.judged[p].passed),
        tested=any_of(lambda t, p: t.judged[p].passed and t.judged[p].tested),
        confirmed=any_of(lambda t, p: t.judged[p].passed and t.judged[p].confirmed),
        runs=sum(runs) / n,
        runs_90=quantile(runs, 0.9),
        reached={p: sum(p in t.judged for t in trials) / n for p in phases},
        passes={p: sum(p in t.judged and t.judged[p].passed for t in trials) / n for p in phases},
        ends={state: sum(t.state == state for t in trials) / n for state in states},
        not_placed=infeasible,
    )


def quantile(values: Sequence[int], probability: float) -> float:
    """The smallest value that so large a share of them does not exceed."""
    ordered = sorted(values)
    return float(ordered[max(math.ceil(probability * len(ordered)) - 1, 0)])
