"""How often verdicts err and what they cost, for the product's rules and for others. ``make bench-verdicts``.

Prints one table, writes ``benchmarks/results/verdicts.json`` and fills the tables in ``docs``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from benchmarks import page, rules
from benchmarks.campaigns import (
    ALPHA,
    BETA,
    CAP,
    Setting,
    differences,
    draw,
    noise_of_others,
    pooled_priors,
    row,
    share,
)
from benchmarks.rules import Array, Found

RESULTS = Path(__file__).parent / "results" / "verdicts.json"
EFFECTS = (0.707, 1, 1.414, 1.5, 2, 3)
SHAPES = ("normal", "t3", "lognormal")
CAMPAIGNS, SEED = 5000, 20240607
Row = dict[str, float]
Rule = Callable[[Setting, Array], Found]


def _sequential(_: Setting, runs: Array, alpha: float = ALPHA) -> Found:
    return rules.sequential(differences(runs), *pooled_priors(runs), alpha, BETA)


def _worth(df: float) -> Rule:
    def judge(_: Setting, runs: Array) -> Found:
        return rules.sequential(differences(runs), pooled_priors(runs)[0], df, ALPHA, BETA)

    return judge


def _anytime(_: Setting, runs: Array) -> Found:
    return rules.anytime(differences(runs), noise_of_others(runs), ALPHA, BETA)


def _known_sd(setting: Setting, runs: Array) -> Found:
    x = differences(runs)
    return rules.sequential(x, np.full(len(x), setting.d**-2.0), 1e9, ALPHA, BETA)


RULES: dict[str, Rule] = {
    "sequential": _sequential,
    "anytime": _anytime,
    "prior_worth_15": _worth(15.0),
    "prior_worth_4": _worth(4.0),
    "family": lambda setting, runs: _sequential(setting, runs, ALPHA / setting.arms),
    "known_sd": _known_sd,
    "fixed_n": lambda setting, runs: rules.fixed(differences(runs), setting.fixed_n, ALPHA),
    "t_after_every_seed": lambda _, runs: rules.t_after_every_seed(differences(runs)[:, :20], ALPHA),
    "greedy": lambda _, runs: rules.greedy(runs, SEED),
}


def measured(name: str, setting: Setting, campaigns: int = CAMPAIGNS) -> Row:
    """One row: a rule in a setting."""
    return row(setting, RULES[name](setting, draw(setting, campaigns, SEED)), campaigns)


def full_null(d: float) -> Row:
    """A full null of 40: how often a campaign has any false positive, at alpha/m and at alpha."""
    setting = Setting(d).of_null()
    runs = draw(setting, CAMPAIGNS, SEED)
    plain, family = (
        RULES[name](setting, runs)[0].reshape(CAMPAIGNS, -1) == 1 for name in ("sequential", "family")
    )
    return {
        "d": d,
        "any_false_positive": share(family.any(1)),
        "any_false_positive_at_alpha": share(plain.any(1)),
        "any_if_independent_at_alpha": round(1 - (1 - float(plain.mean())) ** setting.arms, 4),
        "mean_false_positives_at_alpha": round(float(plain.sum(1).mean()), 3),
    }


def first_arm(name: str, setting: Setting) -> Row:
    """The first arm of a pool, once without its effect and once with it; runs are its own seeds."""
    null, true = (
        tuple(part.reshape(CAMPAIGNS, -1)[:, 0] for part in RULES[name](one, draw(one, CAMPAIGNS, SEED)))
        for one in (setting.of_null(), replace(setting, true=setting.arms))
    )
    answers, used = np.concatenate([null[0], true[0]]), np.concatenate([null[1], true[1]])
    return {
        "d": setting.d,
        "runs": round(float(used.mean()), 1),
        "ratio_to_fixed_n": round(float(used.mean()) / setting.fixed_n, 3),
        "false_positive_rate": share(null[0] == 1),
        "false_negative_rate": share(true[0] == -1),
        "inconclusive": share(answers == 0),
    }


def no_pool(d: float) -> Row:
    """One hypothesis alone with its baseline: no other arm lends its noise."""
    setting = Setting(d, arms=1, true=0)
    null, true = (
        rules.sequential(differences(draw(one, 8 * CAMPAIGNS, SEED)), np.zeros(1), 0.0, ALPHA, BETA)
        for one in (setting, replace(setting, true=1))
    )
    rows = [
        row(replace(setting, true=true), answers, 8 * CAMPAIGNS) for true, answers in ((0, null), (1, true))
    ]
    mixed = {
        k: round(0.8 * rows[0][k] + 0.2 * rows[1][k], 4) for k in ("runs", "ratio_to_fixed_n", "inconclusive")
    }
    errors = {k: rows[k == "false_negative_rate"][k] for k in ("false_positive_rate", "false_negative_rate")}
    return {"d": d, **mixed, **errors}


def half_delta(d: float) -> Row:
    """Effects of half of delta, which may go either way."""
    setting = Setting(d, true=40, effect=0.5)
    answer, used = _sequential(setting, draw(setting, CAMPAIGNS, SEED))
    figures = {
        "supported": share(answer == 1),
        "refuted": share(answer == -1),
        "inconclusive": share(answer == 0),
    }
    return {"d": d, "seeds": round(float(used.mean()), 1), **figures}


def coverage(n: int) -> Row:
    """How often a 95% interval over n normal values covers their mean: Student's t, percentile bootstrap."""
    chance = np.random.default_rng(SEED)
    values = chance.normal(size=(4 * CAMPAIGNS, n))
    within = abs(rules.t_statistic(values)) <= stdtrit(n - 1, 0.975)
    drawn = np.stack(
        [np.take_along_axis(values, chance.integers(n, size=values.shape), 1).mean(1) for _ in range(1000)]
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return {"n": n, "student_t": share(within), "bootstrap": share((low <= 0) & (high >= 0))}


def tasks() -> Iterator[tuple[tuple[str, ...], Callable[..., Row], tuple[object, ...]]]:
    """(keys in the results, what measures it, with what), a row each."""
    for shape in SHAPES:
        for name in RULES:
            for d in EFFECTS:
                keys = (name,) if shape == "normal" else (shape, name)
                yield keys, measured, (name, Setting(d, shape))
    for n in (3, 5, 10):
        yield ("coverage",), coverage, (n,)
    for d in EFFECTS:
        yield ("full_null",), full_null, (d,)
        yield ("no_pool",), no_pool, (d,)
        yield ("half_delta",), half_delta, (d,)
        for name in ("sequential", "prior_worth_15", "prior_worth_4"):
            yield ("arm_twice_as_noisy", name), first_arm, (name, Setting(d, noisy=2.0))
            yield ("baseline_twice_as_noisy", name), measured, (name, Setting(d, baseline=2.0))
        for name in ("sequential", "anytime", "fixed_n"):
            for side, sign in (("right", 1.0), ("left", -1.0)):
                setting = Setting(d, "lognormal", baseline=0.0, sign=sign)
                yield (f"differences_skewed_{side}", name), measured, (name, setting)


def measure_all() -> dict[str, object]:
    """Every row, in two processes."""
    todo = list(tasks())
    results: dict[str, object] = {
        "setting": {"campaigns": CAMPAIGNS, "alpha": ALPHA, "beta": BETA, "most_seeds": CAP}
    }
    with ProcessPoolExecutor(2) as pool:
        waiting = [pool.submit(measure, *given) for _, measure, given in todo]
        for (keys, _, _), result in zip(todo, waiting, strict=True):
            target: dict = results
            for key in keys[:-1]:
                target = target.setdefault(key, {})
            target.setdefault(keys[-1], []).append(result.result())
    return results


def table(results: dict[str, object], path: str = "") -> Iterator[str]:
    """A line per rule; per d: runs as a ratio to fixed n, false positives / negatives in percent."""
    for name, result in results.items():
        if isinstance(result, dict) and name != "setting":
            yield from table(result, f"{path}{name} ")
        elif isinstance(result, list) and "ratio_to_fixed_n" in result[0]:
            yield f"{path + name:<38}" + "".join(map(_cell, result))
        elif isinstance(result, list):
            key = next(k for k in result[0] if k not in ("d", "n", "seeds"))
            yield f"{path + name + ' ' + key:<38}" + "".join(f"{each[key]:>18.3f}" for each in result)


def _cell(result: Row) -> str:
    wrong = f"{100 * result['false_positive_rate']:.1f}/{100 * result['false_negative_rate']:.1f}"
    return f"{result['ratio_to_fixed_n']:>7.3f}{wrong:>11}"


def main() -> None:
    """Measures everything, writes it down and prints it."""
    begun = time.monotonic()
    results = measure_all()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for path in page.PAGES:
        path.write_text(page.filled(path.read_text(encoding="utf-8"), results), encoding="utf-8")
    head = "runs / fixed n, false + / - in %"
    lines = [f"{head:<38}" + "".join(f"{'d = ' + str(d):>18}" for d in EFFECTS), *table(results)]
    sys.stdout.write(
        "\n".join(lines) + f"\n{time.monotonic() - begun:.0f} s; also in {RESULTS.name} and docs\n"
    )


if __name__ == "__main__":
    main()
