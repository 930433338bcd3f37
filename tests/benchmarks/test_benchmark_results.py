"""The committed results: they reach what is asked for, can be measured again, and are what the docs say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from benchmarks import page
from benchmarks.campaigns import ALPHA, BETA, Setting
from benchmarks.verdicts import EFFECTS, RESULTS, measured

FOUND: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
MOST_RUNS = {0.707: 0.58, 1: 0.56, 1.414: 0.68, 1.5: 0.65, 2: 0.83, 3: 1.05}
KEYS = {"d", "runs", "ratio_to_fixed_n", "false_positive_rate", "false_negative_rate", "inconclusive"}


def rows_of(name: str, shape: str = "normal") -> list[dict[str, float]]:
    rows: list[dict[str, float]] = (FOUND if shape == "normal" else FOUND[shape])[name]
    return rows


def test_the_default_rule_takes_no_more_runs_than_it_should() -> None:
    rows = rows_of("sequential")
    assert [set(row) for row in rows] == [KEYS] * len(EFFECTS)
    assert {row["d"]: row["ratio_to_fixed_n"] <= MOST_RUNS[row["d"]] for row in rows} == dict.fromkeys(
        EFFECTS, True
    )


@pytest.mark.parametrize("rule", ["sequential", "anytime"])
@pytest.mark.parametrize("shape", ["normal", "t3", "lognormal"])
def test_both_error_rates_hold_under_every_shape_of_noise(shape: str, rule: str) -> None:
    for row in rows_of(rule, shape):
        assert row["false_positive_rate"] <= ALPHA
        assert row["false_negative_rate"] <= BETA


def test_a_full_null_seldom_has_any_false_positive_where_the_rate_is_shared() -> None:
    assert max(row["any_false_positive"] for row in FOUND["full_null"]) <= ALPHA


@pytest.mark.parametrize("rule", ["sequential", "anytime", "greedy"])
def test_what_is_written_can_be_measured_again(rule: str) -> None:
    again = measured(rule, Setting(1), campaigns=1000)
    for key, value in rows_of(rule)[EFFECTS.index(1)].items():
        assert again[key] == pytest.approx(
            value, rel=0.04 if key in ("runs", "ratio_to_fixed_n") else 0, abs=0.02
        )


def test_a_t_interval_covers_what_it_says_and_a_bootstrap_of_few_values_does_not() -> None:
    for row in FOUND["coverage"]:
        assert row["student_t"] == pytest.approx(0.95, abs=0.015)
        assert row["bootstrap"] < 0.92


@pytest.mark.parametrize("path", page.PAGES, ids=lambda path: path.name)
def test_a_page_says_what_the_results_say(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert page.filled(text, FOUND) == text
    marks = re.findall(r"<!-- table: (\w+) -->\n\|", text)
    assert marks
    assert set(marks) <= set(page.tables(FOUND))


def test_a_page_whose_figures_are_not_the_results_is_found_out() -> None:
    text = page.PAGES[0].read_text(encoding="utf-8")
    assert page.filled(re.sub(r"(?<=\| )0\.5\d", "0.40", text), FOUND) == text
    assert re.sub(r"(?<=\| )0\.5\d", "0.40", text) != text
