"""The tables of the pages in ``docs`` that quote the results, made from them so that both say the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parent.parent / "docs"
PAGES = (_DOCS / "statistics.md",)

_RULES = {
    "bounds": "phasegate",
    "fixed_n": "t test at a fixed n, noise known beforehand",
    "t_after_every_seed": "t test after every seed, 3 to 20",
    "greedy": "keep if better, one run each",
}
_BESIDE = {
    "bounds": "normal noise, alike in all arms",
    "t3": "noise with heavy tails (t, 3 df)",
    "lognormal": "lognormal noise, alike in all arms",
    "arm_twice_as_noisy": "an arm twice as noisy as the rest",
    "baseline_twice_as_noisy": "a baseline twice as noisy",
    "differences_skewed_left": "differences skewed to the left",
    "differences_skewed_right": "differences skewed to the right",
}
_KINDS = {
    "normal": "normal",
    "t3": "heavy tails (t, 3 df)",
    "rounded": "rounded to whole standard deviations",
    "of_20_items": "accuracy over 20 items, true value .8",
    "flag_at_0.5": "0 or 1, true rate .5",
    "flag_at_0.8": "0 or 1, true rate .8",
    "lognormal": "lognormal (skewness 6)",
}
Row = Mapping[str, Any]


def tables(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name of a table -> its lines of markdown."""
    beside = [row["d"] for row in results["t3"]]
    return {
        "cost": _by_d(results, _RULES, lambda r: f"{r['ratio_to_fixed_n']:.2f}"),
        "errors": _by_d(results, _RULES, _errors),
        "beside": _by_d(results, _BESIDE, lambda r: f"{r['ratio_to_fixed_n']:.2f}, {_errors(r)}", beside),
        "null": _of_figures(
            results["full_null"],
            {
                "any_false_positive": "any false positive, alpha / 40 each",
                "any_false_positive_at_alpha": "any false positive, alpha each",
                "mean_false_positives_at_alpha": "mean number of false positives, alpha each",
            },
        ),
        "half": _of_figures(
            results["half_delta"],
            {"supported": "supported", "refuted": "refuted", "inconclusive": "inconclusive"},
        ),
        "power": _power(results["power"], 0.05),
        "power_of_share": _power(results["power"], 0.00625),
        "arrivals": _arrivals(results["ever_wrong"]),
    }


def _errors(row: Row) -> str:
    wrong = (row["false_positive_rate"], row["false_negative_rate"], row["inconclusive"])
    return " / ".join(f"{100 * share:.1f}" for share in wrong)


def _by_d(
    results: Mapping[str, Any],
    labels: Mapping[str, str],
    cell: Callable[[Row], str],
    effects: Sequence[float] = (),
) -> list[str]:
    def rows(name: str) -> list[Row]:
        return [row for row in results[name] if not effects or row["d"] in effects]

    heads = [f"d = {row['d']:g}" for row in rows(next(iter(labels)))]
    return _markdown(heads, ((label, map(cell, rows(name))) for name, label in labels.items()))


def _of_figures(rows: Sequence[Row], labels: Mapping[str, str]) -> list[str]:
    heads = [f"d = {row['d']:g}" for row in rows]
    return _markdown(heads, ((label, (f"{r[key]:.3f}" for r in rows)) for key, label in labels.items()))


def _power(rows: Sequence[Row], alpha: float) -> list[str]:
    """Supported at delta, and the seeds that takes, by planned number and d."""
    here = [row for row in rows if row["alpha"] == alpha]
    effects = sorted({row["d"] for row in here})

    def cells(planned: int) -> Iterable[str]:
        of_d = {row["d"]: row for row in here if row["planned"] == planned}
        return (f"{of_d[d]['supported_at_delta']:.2f} ({of_d[d]['seeds_at_delta']:.1f})" for d in effects)

    plans = sorted({row["planned"] for row in here})
    return _markdown([f"d = {d:g}" for d in effects], ((f"{n} seeds", cells(n)) for n in plans))


def _arrivals(rows: Sequence[Row]) -> list[str]:
    of_kind = {row["kind"]: row for row in rows}
    columns = ("met_by_planned", "met_by_twice_planned", "not_met_by_planned", "not_met_by_twice_planned")
    heads = ["met, by 6 seeds", "by 12", "not met, by 6 seeds", "by 12"]
    return _markdown(
        heads, ((label, (f"{of_kind[k][c]:.3f}" for c in columns)) for k, label in _KINDS.items())
    )


def _markdown(heads: Sequence[str], lines: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    table = [[label, *cells] for label, cells in lines]
    rule = [":--", *("--:" for _ in heads)]
    return [f"| {' | '.join(cells)} |" for cells in (["", *heads], rule, *table)]


def filled(text: str, results: Mapping[str, Any]) -> str:
    """A page with every table between its marks made anew."""
    for name, lines in tables(results).items():
        mark, end = f"<!-- table: {name} -->", "<!-- end -->"
        body = "\n".join([mark, *lines, end])
        pattern = re.escape(mark) + ".*?" + re.escape(end)
        text = re.sub(pattern, lambda _, new=body: new, text, flags=re.DOTALL)
    return text
