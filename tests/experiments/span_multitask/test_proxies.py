"""Rules that guess spans from prices alone."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch

from experiments.parts.span_multitask import proxies
from experiments.parts.span_multitask.windows import Windows
from tests.experiments.span_multitask.span_runs import TINY, measured


def test_proxy_correlation_is_numpys():
    draws = np.random.default_rng(0)
    mask = (draws.random((4, 30)) < 0.2).astype(float)
    guess = draws.random((4, 30)) + 0.2 * mask
    wanted = np.corrcoef(guess.ravel(), mask.ravel())[0, 1]
    assert proxies.correlation(guess, mask) == pytest.approx(wanted)
    assert proxies.correlation(np.ones((4, 30)), mask) == 0.0


def test_the_formula_and_its_features_on_prices_that_rise_and_fall():
    close = torch.tensor([1.0, 2, 3, 4, 5, 6, 5, 4])
    opens = torch.cat([torch.zeros(1), close[:-1]])
    bars = torch.stack([opens, close + 1, opens - 1, close], 1)[None]
    one = torch.zeros(1, dtype=torch.long)
    features = proxies.proxy_features(Windows(torch.zeros(1, 8, 1), one, one + 1, one, bars))
    assert features["momentum_3"][0].tolist() == [1, 2, 3, 3, 3, 3, 1, -1]
    assert features["cum_return_5"][0].tolist() == [1, 2, 3, 4, 5, 5, 3, 1]
    assert features["direction_streak"][0].tolist() == [1, 2, 3, 4, 5, 6, 1, 2]
    assert features["volatility"][0, 5:7] == pytest.approx([0, np.std([1] * 6 + [-1])])
    guess = proxies.Formula(2.0, 0.05, 0.5).probability({n: v[:, 6:] for n, v in features.items()})
    wanted = np.clip((features["cum_return_5"][0, 6:] * 2 + np.array([1, 2]) * 0.05), 0, None)
    assert guess[0] == pytest.approx(np.clip(wanted / (features["volatility"][0, 6:] + 0.5), 0, 1))


def test_without_its_sign_a_fall_counts_as_much_as_a_rise():
    features = {
        "cum_return_5": np.array([-2.0, 2.0]),
        "direction_streak": np.ones(2),
        "volatility": np.ones(2),
    }
    assert proxies.Formula(0.1, 0.1, 1.0).probability(features) == pytest.approx([0.0, 0.15])
    assert proxies.Formula(0.1, 0.1, 1.0, True).probability(features) == pytest.approx([0.15, 0.15])


def test_the_proxy_arm_sweeps_the_grid_and_measures_the_best_point_on_test_windows(tmp_path):
    metrics, progress = measured(tmp_path, task="proxy_grid")
    curve = [metrics["grid_correlation", i] for i in range(1, 28)]
    assert metrics["proxy_correlation_train", None] == max(curve)
    assert progress[-1] == (27, 27)
    formula = json.loads((tmp_path / "artifacts" / "proxy_formula.json").read_text())
    assert formula["correlation_test"] == metrics["proxy_correlation", None]
    at = curve.index(max(curve)) + 1
    assert formula["return_weight"] == metrics["grid_return_weight", at]
    with (tmp_path / "artifacts" / "expansion_stats.csv").open() as file:
        assert len(list(csv.DictReader(file))) == TINY["train_size"]
    assert (tmp_path / "artifacts" / "proxy_validation.png").read_bytes().startswith(b"\x89PNG")


def test_one_grid_point_may_be_given_as_plain_numbers(tmp_path):
    metrics, _ = measured(
        tmp_path, task="proxy_grid", return_weight=2.0, streak_weight=0.05, vol_epsilon=0.001
    )
    assert {step for name, step in metrics if name == "grid_correlation"} == {1}
