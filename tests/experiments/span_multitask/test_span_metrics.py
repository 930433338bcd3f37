"""How well spans are found, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve

from experiments.parts.span_multitask import metrics


@pytest.fixture
def scored():
    """Probabilities with ties, and labels that they tell something about."""
    draws = np.random.default_rng(0)
    mask = torch.from_numpy(draws.random((8, 50)) < 0.1).float()
    probability = torch.from_numpy(draws.integers(0, 40, (8, 50)) / 60).float() + 0.3 * mask
    return probability, mask


def test_f1_precision_and_average_precision_are_those_of_scikit_learn(scored):
    probability, mask = scored
    scores = metrics.precision_recall_f1(probability, mask, 0.5)
    assert scores[2] == pytest.approx(f1_score(mask.flatten(), probability.flatten() >= 0.5))
    wanted = average_precision_score(mask.flatten().numpy(), probability.flatten().numpy())
    assert metrics.average_precision(probability, mask) == pytest.approx(wanted)


def test_the_best_threshold_is_that_of_the_precision_recall_curve(scored):
    probability, mask = scored
    precision, recall, _ = precision_recall_curve(mask.flatten(), probability.flatten())
    best = (2 * precision * recall / (precision + recall).clip(1e-12)).max()
    chosen = metrics.best_threshold(probability, mask)
    assert metrics.precision_recall_f1(probability, mask, chosen)[2] == pytest.approx(best)


def test_the_floor_is_the_f1_of_calling_every_bar_positive(scored):
    _, mask = scored
    everything = metrics.precision_recall_f1(torch.ones_like(mask), mask, 0.5)[2]
    assert metrics.f1_floor(mask.mean().item()) == pytest.approx(everything)
    assert metrics.f1_floor(7.4 / 105) == pytest.approx(0.1317, abs=1e-4)


def test_a_constant_probability_has_the_base_rate_as_average_precision_and_separates_nothing(scored):
    _, mask = scored
    same = torch.full_like(mask, 0.3)
    assert metrics.average_precision(same, mask) == pytest.approx(mask.mean().item())
    assert metrics.separation(same, mask)["prob_separation"] == pytest.approx(0, abs=1e-7)
    assert metrics.precision_recall_f1(same, mask, 0.5) == (0.0, 0.0, 0.0)


def test_the_threshold_is_chosen_on_validation_and_measured_on_test(scored):
    probability, mask = scored
    measured = metrics.span_metrics((probability, mask), (probability.flip(0) / 2, mask.flip(0)))
    assert measured["best_threshold"] == metrics.best_threshold(probability, mask)
    lower = metrics.precision_recall_f1(probability / 2, mask, measured["best_threshold"])[2]
    assert measured["span_f1_best_threshold"] == pytest.approx(lower)
