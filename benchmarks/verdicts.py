"""How often verdicts err and what they cost, for the product and for quick rules. ``make bench-verdicts``.

The product's own judging is run, on programs as data (:mod:`benchmarks.product`). Prints the results, writes
``benchmarks/results/verdicts.json`` and fills the tables in ``docs``.
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

from benchmarks import arrivals, page, pictures, product, rules
from benchmarks.campaigns import ALPHA, BETA, CAP, Setting, differences, draw, row, share
from benchmarks.rules import Array, Found

RESULTS = Path(__file__).parent / "results" / "verdicts.json"
EFFECTS = (0.707, 1, 1.414, 1.5, 2, 3)
CAMPAIGNS, SEED = 100, 20240607
FEW = 40
"""Campaigns of what is beside the setting of the page."""
BESIDE = (1, 2, 3)
"""Their values of d."""
OF_QUICK_RULES = 5000
"""Campaigns of the rules that are compared with."""
ALONE = 600
"""Comparisons without another arm."""
PLANNED = (3, 5, 6, 8, 10)
Row = dict[str, float]
Rule = Callable[[Setting, Array], Found]

QUICK: dict[str, Rule] = {
    "fixed_n": lambda setting, runs: rules.fixed(differences(runs), setting.fixed_n, ALPHA),
    "t_after_every_seed": lambda _, runs: rules.t_after_every_seed(differences(runs)[:, :20], ALPHA),
    "greedy": lambda _, runs: rules.greedy(runs, SEED),
}


def of_product(setting: Setting, campaigns: int = FEW) -> Row:
    """One row: the product in a setting."""
    return row(setting, product.bounds(draw(setting, campaigns, SEED), ALPHA, BETA), campaigns)


def of_quick_rule(name: str, setting: Setting, campaigns: int = OF_QUICK_RULES) -> Row:
    """One row: a rule that is compared with."""
    return row(setting, QUICK[name](setting, draw(setting, campaigns, SEED)), campaigns)


def full_null(d: float) -> Row:
    """40 arms without effect: how often a campaign has any false positive, at alpha/40 and at alpha each."""
    setting = Setting(d).of_null()
    runs = draw(setting, FEW, SEED)
    family, plain = (
        product.bounds(runs, alpha, BETA)[0].reshape(FEW, -1) == 1 for alpha in (ALPHA / setting.arms, ALPHA)
    )
    return {
        "d": d,
        "any_false_positive": share(family.any(1)),
        "any_false_positive_at_alpha": share(plain.any(1)),
        "mean_false_positives_at_alpha": round(float(plain.sum(1).mean()), 3),
    }


def first_arm(d: float) -> Row:
    """The first arm of a campaign, twice as noisy as the others, without its effect and with it."""
    setting = Setting(d, noisy=2.0)
    null, true = (
        tuple(part.reshape(FEW, -1)[:, 0] for part in product.bounds(draw(one, FEW, SEED), ALPHA, BETA))
        for one in (setting.of_null(), replace(setting, true=setting.arms))
    )
    used = np.concatenate([null[1], true[1]])
    return {
        "d": d,
        "runs": round(float(used.mean()), 1),
        "ratio_to_fixed_n": round(float(used.mean()) / setting.fixed_n, 3),
        "false_positive_rate": share(null[0] == 1),
        "false_negative_rate": share(true[0] == -1),
        "inconclusive": share(np.concatenate([null[0], true[0]]) == 0),
    }


def power(planned: int, d: float, alpha: float) -> Row:
    """One comparison alone, up to its planned seeds: with an effect of delta, of two, and with none."""
    setting = Setting(d, arms=1, true=1)
    supported, seeds = {}, {}
    for name, effect in (("none", 0.0), ("delta", 1.0), ("twice_delta", 2.0)):
        runs = draw(replace(setting, effect=effect), ALONE, SEED)[:, :, :planned]
        answer, used = product.bounds(runs, alpha, BETA)
        supported[name], seeds[name] = share(answer == 1), round(float(used.mean()), 1)
        if name == "delta":
            refuted = share(answer == -1)
    return {
        "planned": planned,
        "d": d,
        "alpha": alpha,
        **{f"supported_at_{name}": rate for name, rate in supported.items()},
        "refuted_at_delta": refuted,
        **{f"seeds_at_{name}": mean for name, mean in seeds.items()},
    }


def half_delta(d: float) -> Row:
    """Effects of half of delta, which may go either way."""
    setting = Setting(d, true=40, effect=0.5)
    answer, used = product.bounds(draw(setting, FEW, SEED), ALPHA, BETA)
    figures = {
        "supported": share(answer == 1),
        "refuted": share(answer == -1),
        "inconclusive": share(answer == 0),
    }
    return {"d": d, "seeds": round(float(used.mean()), 1), **figures}


def tasks() -> Iterator[tuple[tuple[str, ...], Callable[..., Row], tuple[object, ...]]]:
    """(keys in the results, what measures it, with what), a row each."""
    for d in EFFECTS:
        yield ("bounds",), of_product, (Setting(d), CAMPAIGNS)
        for name in QUICK:
            yield (name,), of_quick_rule, (name, Setting(d))
    for d in BESIDE:
        yield ("full_null",), full_null, (d,)
        yield ("half_delta",), half_delta, (d,)
        yield ("arm_twice_as_noisy",), first_arm, (d,)
        yield ("baseline_twice_as_noisy",), of_product, (Setting(d, baseline=2.0),)
        for shape in ("t3", "lognormal"):
            yield (shape,), of_product, (Setting(d, shape),)
        for side, sign in (("right", 1.0), ("left", -1.0)):
            yield (
                (f"differences_skewed_{side}",),
                of_product,
                (Setting(d, "lognormal", baseline=0.0, sign=sign),),
            )
    for alpha in (ALPHA, 0.00625):
        for planned in PLANNED:
            for d in BESIDE:
                yield ("power",), power, (planned, d, alpha)
    for kind in arrivals.KINDS:
        yield ("ever_wrong",), arrivals.ever_wrong, (kind, SEED)


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
            yield path + name
            yield from ("  " + ", ".join(f"{key} {value}" for key, value in each.items()) for each in result)


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
    pictures.draw_pictures(results)
    head = "runs / fixed n, false + / - in %"
    lines = [f"{head:<38}" + "".join(f"{'d = ' + str(d):>18}" for d in EFFECTS), *table(results)]
    sys.stdout.write(
        "\n".join(lines) + f"\n{time.monotonic() - begun:.0f} s; also in {RESULTS.name} and docs\n"
    )


if __name__ == "__main__":
    main()
