"""The tables of the pages in ``docs`` that quote the results, made from them so that both say the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parent.parent / "docs"
PAGES = (_DOCS / "statistics.md", _DOCS / "decisions" / "0006-what-the-pooled-prior-is-worth.md")

_RULES = {
    "sequential": "`sequential` (default)",
    "anytime": "`anytime`",
    "fixed_n": "t test at a fixed n, noise known beforehand",
    "known_sd": "sequential test, noise known (the limit)",
    "t_after_every_seed": "t test after every seed, 3 to 20",
    "greedy": "keep if better, one run each",
}
_WEAK = {
    ("no_pool",): "one hypothesis alone",
    ("arm_twice_as_noisy", "sequential"): "an arm twice as noisy as the rest: `sequential`",
    ("arm_twice_as_noisy", "prior_worth_15"): "- with d0 = 15 for every arm",
    ("arm_twice_as_noisy", "prior_worth_4"): "- with d0 = 4 for every arm",
    ("baseline_twice_as_noisy", "sequential"): "a baseline twice as noisy: `sequential`",
    ("differences_skewed_left", "sequential"): "differences skewed to the left: `sequential`",
    ("differences_skewed_left", "anytime"): "- `anytime`",
    ("differences_skewed_left", "fixed_n"): "- t test at a fixed n",
    ("differences_skewed_right", "sequential"): "differences skewed to the right: `sequential`",
    ("differences_skewed_right", "anytime"): "- `anytime`",
    ("differences_skewed_right", "fixed_n"): "- t test at a fixed n",
}
_SHAPES = {
    (*path, rule): f"{shape}: `{rule}`"
    for path, shape in (((), "normal"), (("t3",), "t, 3 df"), (("lognormal",), "lognormal"))
    for rule in ("sequential", "anytime")
}
_PRIORS = {
    ("sequential",): "as decided: 15, or 4 where the first seeds show more noise",
    ("prior_worth_15",): "always 15",
    ("prior_worth_4",): "always 4",
}


def tables(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name of a table -> its lines of markdown."""
    cost = {(name,): label for name, label in _RULES.items()}
    return {
        "cost": _table(results, cost, lambda r: f"{r['ratio_to_fixed_n']:.2f}"),
        "errors": _table(results, cost, _errors),
        "shapes": _table(results, _SHAPES, _both),
        "priors": _table(results, _PRIORS, _both),
        "weak": _table(results, _WEAK, _both),
        "null": _of_figures(
            results["full_null"],
            {
                "any_false_positive": "any false positive, alpha / 40 each",
                "any_false_positive_at_alpha": "any false positive, alpha each",
                "any_if_independent_at_alpha": "- if the 40 were independent",
                "mean_false_positives_at_alpha": "mean number of false positives, alpha each",
            },
        ),
        "coverage": _of_figures(
            results["coverage"], {"student_t": "Student's t", "bootstrap": "percentile bootstrap"}
        ),
        "half": _of_figures(
            results["half_delta"],
            {"supported": "supported", "refuted": "refuted", "inconclusive": "inconclusive"},
        ),
    }


def _errors(row: Mapping[str, float]) -> str:
    wrong = (row["false_positive_rate"], row["false_negative_rate"], row["inconclusive"])
    return " / ".join(f"{100 * share:.1f}" for share in wrong)


def _both(row: Mapping[str, float]) -> str:
    return f"{row['ratio_to_fixed_n']:.2f}, {_errors(row)}"


def _table(results: Mapping[str, Any], labels: Mapping[tuple[str, ...], str], cell: Any) -> list[str]:
    def rows(path: tuple[str, ...]) -> Sequence[Mapping[str, float]]:
        selected: Any = results
        for key in path:
            selected = selected[key]
        return selected  # type: ignore[no-any-return]

    first = rows(next(iter(labels)))
    return _markdown(first, ((label, map(cell, rows(path))) for path, label in labels.items()))


def _of_figures(rows: Sequence[Mapping[str, float]], labels: Mapping[str, str]) -> list[str]:
    return _markdown(rows, ((label, (f"{r[key]:.3f}" for r in rows)) for key, label in labels.items()))


def _markdown(rows: Sequence[Mapping[str, float]], lines: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    at = next(iter(rows[0]))
    head = ["", *(f"{at} = {row[at]:g}" for row in rows)]
    table = [[label, *cells] for label, cells in lines]
    rule = [":--", *("--:" for _ in rows)]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *table)]


def filled(text: str, results: Mapping[str, Any]) -> str:
    """A page with every table between its marks made anew."""
    for name, lines in tables(results).items():
        mark, end = f"<!-- table: {name} -->", "<!-- end -->"
        body = "\n".join([mark, *lines, end])
        pattern = re.escape(mark) + ".*?" + re.escape(end)
        text = re.sub(pattern, lambda _, new=body: new, text, flags=re.DOTALL)
    return text
