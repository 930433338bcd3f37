"""A table of arms: what is compared with what, how often it may err, and what is said against it."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t, ttest_rel

from planner.errors import UsageError
from planner.history.judge import judge_history
from planner.history.logged_run import LoggedRun
from planner.history.question import HistoryQuestion
from planner.history.table import history_of_rows
from planner.statistics.levels import levels
from tests.support.histories import ADAM, SEEDS, SGD, answer_of, arm_of, judged, runs_of
from tests.support.rotation import a_share_of
from tests.support.small_homes import ROOT

BOTH = {"adam": ADAM, "sgd": SGD}


def test_a_clear_difference_at_common_seeds_is_better_and_the_other_way_round_worse() -> None:
    assert answer_of(judged(runs_of(BOTH)), "adam") == "better"
    turned = judged(runs_of(BOTH), baseline="optimizer=adam")
    assert answer_of(turned, "sgd") == "worse"
    assert turned.paired


def test_where_lower_is_better_the_same_values_say_the_opposite() -> None:
    assert answer_of(judged(runs_of(BOTH), better="lower"), "adam") == "worse"
    assert judged(runs_of(BOTH), metric="val/acc").better == "higher"
    for name in ("val_loss", "eval/loss", "test error", "ppl", "rmse"):
        assert judged(runs_of(BOTH), metric=name).better == "lower"


def test_the_interval_of_paired_arms_is_that_of_a_paired_t_test_at_the_shared_level() -> None:
    three = {**BOTH, "lion": [0.85, 0.86, 0.88, 0.84, 0.86]}
    history = judged(runs_of(three))
    compared = arm_of(history, "adam").comparison
    assert compared is not None
    assert compared.interval is not None
    level = levels(3, 0.05 / 2 / 2).final  # two sides, two comparisons
    test = ttest_rel(ADAM, SGD).confidence_interval(1 - 2 * level)
    assert compared.interval == pytest.approx((test.low, test.high), rel=1e-9)
    assert history.family.size == 2


def test_the_best_arm_as_baseline_pays_for_its_having_been_chosen() -> None:
    history = judged(runs_of({**BOTH, "lion": SGD}), baseline="best")
    assert history.baseline == "optimizer=adam"
    assert history.family.size == 3


def test_arms_without_common_seeds_are_compared_by_their_means() -> None:
    runs = [*runs_of({"adam": ADAM}), *runs_of({"sgd": SGD}, seeds=[1, 2, 3, 4, 6])]
    history = judged(runs)
    assert answer_of(history, "adam") == "better"
    assert not history.paired
    assert any("not paired" in caveat for caveat in history.caveats)


def test_runs_that_say_no_seed_are_never_paired_by_their_order() -> None:
    history = judged(runs_of(BOTH, seeds=None))
    assert arm_of(history, "adam").comparison == replace(
        arm_of(judged(list(reversed(runs_of(BOTH, seeds=None)))), "adam").comparison  # type: ignore[type-var]
    )
    assert any("no run says its seed" in caveat for caveat in history.caveats)


def test_fewer_than_three_runs_and_another_last_step_are_not_comparable() -> None:
    assert answer_of(judged(runs_of({"adam": ADAM[:2], "sgd": SGD})), "adam") == "not comparable"
    apart = [*runs_of({"adam": ADAM}, step=100), *runs_of({"sgd": SGD}, step=50)]
    compared = arm_of(judged(apart), "adam").comparison
    assert compared is not None
    assert compared.answer == "not comparable"
    assert "100" in compared.note
    assert "50" in compared.note


def test_without_a_smallest_effect_nothing_is_equivalent_and_with_one_close_arms_are() -> None:
    close = {"adam": [x + 0.0001 * (-1) ** i for i, x in enumerate(SGD)], "sgd": SGD}
    assert answer_of(judged(runs_of(close)), "adam") == "undecided"
    assert answer_of(judged(runs_of(close), least_effect=0.01), "adam") == "equivalent"


def test_values_that_never_vary_decide_nothing() -> None:
    history = judged(runs_of({"adam": [0.9] * 5, "sgd": [0.8] * 5}))
    compared = arm_of(history, "adam").comparison
    assert compared is not None
    assert (compared.answer, compared.interval) == ("undecided", None)
    assert "nothing is known of the noise" in compared.note


def test_rates_of_success_are_judged_as_such_and_never_by_a_t_interval() -> None:
    flags = {"adam": [1.0, 1.0, 1.0, 0.0, 1.0], "sgd": [0.0] * 5}
    assert answer_of(judged(runs_of(flags)), "adam") == "undecided"
    assert answer_of(judged(runs_of({"adam": [1.0] * 5, "sgd": [0.0] * 5})), "adam") == "undecided"
    many = list(range(20))
    assert answer_of(judged(runs_of({"adam": [1.0] * 20, "sgd": [0.0] * 20}, seeds=many)), "adam") == "better"


def test_so_many_runs_as_are_named_would_decide_if_they_were_like_these() -> None:
    rng = Random(3)
    noise = [rng.gauss(0, 0.02) for _ in range(5)]
    history = judged(runs_of({"adam": [s + 0.01 + e for s, e in zip(SGD, noise, strict=True)], "sgd": SGD}))
    compared = arm_of(history, "adam").comparison
    assert compared is not None
    assert compared.n_to_decide is not None
    n, difference = compared.n_to_decide, compared.difference
    assert difference is not None
    mean = sum(noise) / 5
    sd = (sum((e - mean) ** 2 for e in noise) / 4) ** 0.5
    level = levels(3, 0.025).final

    def half(n: int) -> float:
        return float(t.ppf(1 - level, n - 1)) * sd / n**0.5

    assert half(n) < abs(difference) <= half(n - 1)


def test_a_setting_that_differs_too_is_named_beside_the_answer_and_changes_none() -> None:
    runs = [
        replace(run, params={**run.params, "lr": "0.1" if run.id.startswith("adam") else "0.01"})
        for run in runs_of(BOTH)
    ]
    history = judged(runs)
    assert [c.param for c in arm_of(history, "adam").confounds] == ["lr"]
    assert answer_of(history, "adam") == "better"
    assert sum("lr differs" in caveat for caveat in history.caveats) == 1


def test_what_differs_from_run_to_run_of_one_arm_is_no_confound() -> None:
    runs = [
        replace(run, params={**run.params, "output_dir": f"/tmp/{run.id}", "workers": str(i % 2)})
        for i, run in enumerate(runs_of(BOTH))
    ]
    assert arm_of(judged(runs), "adam").confounds == ()


def test_another_dataset_is_a_confound() -> None:
    runs = [replace(run, data="a" if run.id.startswith("adam") else "b") for run in runs_of(BOTH)]
    assert [c.param for c in arm_of(judged(runs), "adam").confounds] == ["dataset"]


def test_each_run_that_is_no_evidence_is_named_with_its_reason() -> None:
    sound = runs_of(BOTH)
    odd = [
        LoggedRun("running", "running", {"optimizer": "adam"}, 0.5),
        LoggedRun("failed", "failed", {"optimizer": "adam"}, 0.5),
        LoggedRun("empty", "finished", {"optimizer": "adam"}, None),
        LoggedRun("infinite", "finished", {"optimizer": "adam"}, float("inf")),
        LoggedRun("sweep", "finished", {"optimizer": "adam"}, 0.99),
    ]
    child = replace(sound[0], parent="sweep")
    history = judged([child, *sound[1:], *odd])
    assert {one.run_id: one.kind for one in history.left_out} == {
        "running": "it was left running",
        "failed": "it failed",
        "empty": "it has no val/acc",
        "infinite": "its val/acc is not finite",
        "sweep": "it is the parent of other runs",
    }
    assert arm_of(history, "adam").n == 5


def test_of_two_runs_of_one_seed_the_later_counts_whatever_their_ids_are() -> None:
    again = [
        replace(run, id=name, value=0.5, began=run.began + shift, ended=run.ended + shift)  # type: ignore[operator]
        for run in runs_of(BOTH)[:1]
        for name, shift in (("zz-earlier", -10), ("aa-later", 10))
    ]
    history = judged([*runs_of(BOTH), *again])
    assert "aa-later" in arm_of(history, "adam").run_ids
    assert {one.run_id for one in history.left_out} == {"adam0", "zz-earlier"}


def test_a_condition_chooses_runs_and_a_planners_own_records_are_none() -> None:
    runs = [replace(run, tags={"team": "a" if i % 5 else "b"}) for i, run in enumerate(runs_of(BOTH))]
    record = LoggedRun("phase", params={"optimizer": "adam"}, value=0.1, tags={"planner.kind": "phase"})
    history = judged([*runs, record], where="tags.team = 'a'")
    assert sum(arm.n for arm in history.arms) == 8
    assert not history.left_out


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"metric": "val/ac"}, "did you mean 'val/acc'"),
        ({"arms_by": ("optimiser",)}, "did you mean 'optimizer'"),
        ({"baseline": "optimizer=lion"}, "no arm is 'optimizer=lion'"),
        ({"seed_from": "sed"}, "did you mean 'seed'"),
        ({"where": "params.optimizer = 'x'"}, "holds no runs that meet"),
        ({"where": "optimizer is adam"}, "cannot read"),
        ({"where": "metrics.acc > 0.9"}, "choose the answer"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_with_what_was_meant(
    question: dict[str, object], words: str
) -> None:
    runs = runs_of(BOTH) if question.get("metric") is None else runs_of({"adam": [None] * 3}, SEEDS)
    with pytest.raises(UsageError, match=words):
        judged(runs, **question)


def test_without_a_baseline_arms_are_shown_and_nothing_is_compared() -> None:
    history = judged(runs_of(BOTH), baseline="none")
    assert all(arm.comparison is None for arm in history.arms)
    assert history.baseline is None


VALUES = st.lists(st.floats(-1, 1).map(lambda x: round(x, 4)), min_size=5, max_size=5)


@settings(deadline=None)
@given(VALUES, VALUES, st.permutations(range(10)))
def test_the_order_of_runs_changes_nothing(ours: list[float], theirs: list[float], order: list[int]) -> None:
    runs = runs_of({"adam": ours, "sgd": theirs})
    shuffled = judged([runs[i] for i in order])
    for arm in judged(runs).arms:
        other = arm_of(shuffled, arm.name)
        assert (arm.n, sorted(arm.run_ids)) == (other.n, sorted(other.run_ids))
        if arm.comparison is not None:
            assert other.comparison is not None
            assert arm.comparison.answer == other.comparison.answer
            assert arm.comparison.difference == pytest.approx(other.comparison.difference, abs=1e-12)


@settings(deadline=None)
@given(VALUES, VALUES, st.floats(0.001, 1))
def test_the_answer_never_contradicts_the_interval_beside_it(
    ours: list[float], theirs: list[float], least: float
) -> None:
    compared = arm_of(judged(runs_of({"adam": ours, "sgd": theirs}), least_effect=least), "adam").comparison
    assert compared is not None
    if compared.interval is None:
        assert compared.answer == "undecided"
        return
    low, high = compared.interval
    equivalent = -least < low and high < least
    assert (compared.answer == "equivalent") == equivalent
    assert (compared.answer == "better") <= (low > 0)
    assert (compared.answer == "worse") <= (high < 0)


@pytest.mark.slow
@pytest.mark.parametrize("baseline", ["optimizer=sgd", "best"])
@pytest.mark.parametrize("is_paired", [True, False])
def test_arms_that_are_alike_are_called_different_in_at_most_a_twentieth_of_tables(
    baseline: str, is_paired: bool
) -> None:
    rng, wrong, tables = Random(11), 0, 600
    for _ in range(tables):
        shared = [rng.gauss(0, 1) for _ in SEEDS]
        names = ("sgd", "adam", "lion", "rmsprop", "adagrad", "adamw")
        values = {name: [s + rng.gauss(0, 1) for s in shared] for name in names}
        history = judged(runs_of(values, seeds=SEEDS if is_paired else None), baseline=baseline)
        answers = {arm.comparison.answer for arm in history.arms if arm.comparison}
        wrong += bool(answers & {"better", "worse"})
    assert wrong / tables <= 0.05 + 2.6 * (0.05 * 0.95 / tables) ** 0.5


@pytest.mark.parametrize(
    ("metric", "better"),
    [("neg_mean_squared_error", "higher"), ("val_mape", "lower"), ("loss", "lower")],
)
def test_the_direction_follows_the_name(metric: str, better: str) -> None:
    assert judged(runs_of(BOTH), metric=metric).better == better


def test_the_best_step_of_a_run_is_no_end_of_it() -> None:
    runs = [*runs_of({"adam": ADAM}, step=3), *runs_of({"sgd": SGD}, step=8)]
    assert answer_of(judged(runs, at="best"), "adam") == "better"


@pytest.mark.parametrize("scale", [1e200, 1e-90, 1e-200])
def test_values_of_any_size_are_judged(scale: float) -> None:
    values = {"adam": [scale * v for v in (2, 2.1, 2.3)], "sgd": [scale * v for v in (1, 1.1, 1.2)]}
    assert answer_of(judged(runs_of(values, seeds=None)), "adam") == "better"


def test_a_parent_is_none_of_the_runs_that_a_condition_chooses() -> None:
    parent = LoggedRun("sweep", params={"optimizer": "adam"}, value=0.99, tags={"kind": "sweep"})
    children = [replace(run, parent="sweep") for run in runs_of(BOTH)]
    with pytest.raises(UsageError, match="no run is left"):
        judged([parent, *children], where="tags.kind = 'sweep'")


@pytest.mark.slow
@pytest.mark.parametrize("baseline", ["best", "adamw_cbp_m50"])
def test_arms_whose_labels_were_shuffled_within_each_seed_seldom_differ(baseline: str) -> None:
    with (ROOT / "docs" / "published" / "data" / "screening.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "shards"]
    by_seed: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_seed.setdefault(row["seed"], []).append(row)
    times, wrong, chance = a_share_of(1000), 0, Random(baseline)
    for _ in range(times):
        shuffled = []
        for of_seed in by_seed.values():
            names = [row["arm"] for row in of_seed]
            chance.shuffle(names)
            shuffled += [{**row, "arm": name} for row, name in zip(of_seed, names, strict=True)]
        question = HistoryQuestion("accuracy", ("arm",), baseline=baseline)
        table = judge_history(history_of_rows(shuffled, "shuffled", question), question)
        answers = {arm.comparison.answer for arm in table.arms if arm.comparison}
        wrong += bool(answers & {"better", "worse"})
    assert wrong / times <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / times)
