"""The committed results: they reach what is asked for, can be measured again, and are what the docs say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from benchmarks import arrivals, page
from benchmarks.campaigns import ALPHA, BETA, Setting
from benchmarks.verdicts import CAMPAIGNS, EFFECTS, FEW, RESULTS, of_product, of_quick_rule, power

RECORDED: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
MOST_RUNS = {0.707: 0.64, 1: 0.64, 1.414: 0.76, 1.5: 0.73, 2: 0.89, 3: 1.09}
TOLERANCE = 0.03
"""Of a ratio at 100 campaigns."""
KEYS = {"d", "runs", "ratio_to_fixed_n", "false_positive_rate", "false_negative_rate", "inconclusive"}


def beyond(rate: float, cases: int, shared: bool = False) -> float:
    """What a rate may be measured as: 2.6 standard errors above it.

    Args:
        cases: independent ones; with ``shared``, campaigns, in which a bad baseline errs for a quarter of the
            comparisons at once.
    """
    return rate + 2.6 * (rate * (1 - rate) / (4 * cases if shared else cases)) ** 0.5


def test_a_campaign_takes_no_more_runs_than_it_should() -> None:
    rows = RECORDED["bounds"]
    assert [set(row) for row in rows] == [KEYS] * len(EFFECTS)
    over = {row["d"]: row["ratio_to_fixed_n"] - MOST_RUNS[row["d"]] for row in rows}
    assert {d for d, ratio in over.items() if ratio > TOLERANCE} == set()


@pytest.mark.parametrize("setting", ["bounds", "t3", "lognormal"])
def test_both_error_rates_hold_under_every_shape_of_noise(setting: str) -> None:
    for row in RECORDED[setting]:
        campaigns = CAMPAIGNS if setting == "bounds" else FEW
        assert row["false_positive_rate"] <= beyond(ALPHA, campaigns, shared=True)
        assert row["false_negative_rate"] <= beyond(BETA, campaigns, shared=True)


def test_a_full_null_seldom_has_any_false_positive_where_the_rate_is_shared() -> None:
    assert max(row["any_false_positive"] for row in RECORDED["full_null"]) <= beyond(ALPHA, FEW)


@pytest.mark.parametrize("kind", [kind for kind in arrivals.KINDS if kind != "lognormal"])
def test_judged_after_every_arrival_no_answer_at_the_threshold_errs_more_than_promised(kind: str) -> None:
    (row,) = [row for row in RECORDED["ever_wrong"] if row["kind"] == kind]
    assert row["met_by_twice_planned"] <= beyond(ALPHA, row["cases"])
    assert row["not_met_by_twice_planned"] <= beyond(BETA, row["cases"])


@pytest.mark.parametrize(("alpha", "least"), [(0.05, 0.94), (0.00625, 0.71)])
def test_six_seeds_have_the_power_that_is_asked_for(alpha: float, least: float) -> None:
    (row,) = [r for r in RECORDED["power"] if (r["planned"], r["d"], r["alpha"]) == (6, 2, alpha)]
    assert row["supported_at_delta"] >= least - 2.6 * (least * (1 - least) / 600) ** 0.5
    assert row["supported_at_none"] <= beyond(alpha, 600)


@pytest.mark.slow
def test_what_is_written_of_the_product_can_be_measured_again() -> None:
    again = of_product(Setting(2), campaigns=100)
    assert again == RECORDED["bounds"][EFFECTS.index(2)]
    (row,) = [r for r in RECORDED["power"] if (r["planned"], r["d"], r["alpha"]) == (6, 2, 0.05)]
    assert power(6, 2, 0.05) == row


def test_what_is_written_of_a_quick_rule_can_be_measured_again() -> None:
    again = of_quick_rule("greedy", Setting(1), campaigns=1000)
    for key, value in RECORDED["greedy"][EFFECTS.index(1)].items():
        assert again[key] == pytest.approx(
            value, rel=0.04 if key in ("runs", "ratio_to_fixed_n") else 0, abs=0.02
        )


@pytest.mark.parametrize("path", page.PAGES, ids=lambda path: path.name)
def test_a_page_says_what_the_results_say(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    assert page.filled(text, RECORDED) == text
    marks = re.findall(r"<!-- table: (\w+) -->\n\|", text)
    assert set(marks) == set(page.tables(RECORDED))


def test_a_page_whose_figures_are_not_the_results_is_put_right() -> None:
    text = page.PAGES[0].read_text(encoding="utf-8")
    wrong = re.sub(r"(?<=\| )0\.[5-9]\d", "0.40", text)
    assert wrong != text
    assert page.filled(wrong, RECORDED) == text
